import assert from "node:assert/strict"
import { describe, test, type TestContext } from "node:test"
import type { Client as ClientType, ClientOptions, ConnectionState, Message, TransportName } from "../src/index.js"
import { Proxy, type Temper } from "./proxy.js"
import { patience, Server } from "./server.js"

// The client against the real binary, which PARLEY_BINARY names, over each transport. Who
// wants the bundle tested instead of the sources names it in PARLEY_BUNDLE.

const binary = process.env["PARLEY_BINARY"]
const { Client } = await import(process.env["PARLEY_BUNDLE"] ?? "../src/index.js") as typeof import("../src/index.js")
const skip = !binary && "PARLEY_BINARY names no server to test against"
const ways: TransportName[] = ["websocket", "sse", "long-poll", "poll"]

/** A reader that notes what it is told, and checks that nothing is lost or repeated. */
class Reader {
  readonly client: ClientType
  readonly messages: Message[] = []
  readonly told: string[] = []
  readonly states: ConnectionState[] = []
  #wake = (): void => {}

  constructor(url: string, options: ClientOptions, channel = "general", from: number | "head" = 0) {
    this.client = new Client(url, { user: "alice", ...options })
    this.client.on("state", s => {
      this.states.push(s)
      this.#wake()
    })
    const room = this.client.channel(channel, from === "head" ? {} : { after: from })
    room.subscribe(m => {
      this.messages.push(m)
      this.#wake()
    })
    room.on("reset", r => {
      this.told.push(`reset ${r.reason} after ${this.messages.length}`)
      this.#wake()
    })
    for (const name of ["user-joined", "typing", "event"] as const) room.on(name, e => {
      this.told.push(`${name} ${e.user}`)
      this.#wake()
    })
  }

  /** Waits until something is so. */
  async until(what: string, so: () => boolean): Promise<void> {
    const late = Date.now() + patience
    while (!so()) {
      if (Date.now() > late) throw new Error(`${what} did not come: ${JSON.stringify([this.client.state, this.told, this.messages.map(m => m.id)])}`)
      await new Promise<void>(resolve => {
        this.#wake = resolve
        setTimeout(resolve, 1_000)
      })
    }
  }

  /** Waits for the message with this id, and checks that it and all before it came once. */
  async upTo(id: number, first = 1): Promise<void> {
    await this.until(`message ${id}`, () => this.messages.some(m => m.id >= id))
    assert.deepEqual(this.messages.map(m => m.id), Array.from({ length: id - first + 1 }, (_, i) => first + i))
  }

  connected(): Promise<void> {
    return this.until("a connection", () => this.client.state.status === "connected" && this.client.channel("general").cursor !== undefined)
  }
}

/** A server of its own for a test, and readers that end with it. */
async function serve(t: TestContext): Promise<{ server: Server; read: (options?: ClientOptions, channel?: string, from?: number | "head", url?: string) => Reader }> {
  const server = new Server(binary!)
  const readers: Reader[] = []
  t.after(async () => {
    for (const r of readers) r.client.close()
    await server.remove()
  })
  await server.start()
  return {
    server,
    read: (options = {}, channel, from, url = server.url) => {
      const r = new Reader(url, options, channel, from)
      readers.push(r)
      return r
    },
  }
}

for (const way of ways) {
  describe(way, { skip, concurrency: false }, () => {
    test("reads from the beginning, publishes, and is told what it published", async t => {
      const { server, read } = await serve(t)
      for (let i = 1; i <= 3; i++) await server.post("general", `m${i}`)
      const r = read({ transports: [way] })
      await r.upTo(3)
      assert.equal(r.client.state.transport, way)
      const room = r.client.channel("general")
      const ack = await room.publish({ text: "mine", data: { n: 1 }, key: "mine-1" })
      assert.deepEqual([ack.id, ack.duplicate], [4, false])
      await r.upTo(4)
      const again = read({ transports: [way] }) // r's own ack may come after the message, and would be taken for an answer to this
      await again.upTo(4)
      assert.deepEqual(await again.client.channel("general").publish({ text: "again", key: "mine-1" }), { ...ack, duplicate: true })
      assert.deepEqual([r.messages[3]!.key, r.messages[3]!.data, r.messages[3]!.timestamp], ["mine-1", { n: 1 }, ack.timestamp])
      assert.deepEqual(room.outbox, [])
    })

    test("begins at the head, and with history before it", async t => {
      const { server, read } = await serve(t)
      for (let i = 1; i <= 5; i++) await server.post("general", `m${i}`)
      const late = read({ transports: [way] }, "general", "head")
      await late.connected()
      const page = await late.client.channel("general").history({ before: late.client.channel("general").cursor! + 1, limit: 2 })
      assert.deepEqual([page.messages.map(m => m.text), page.more, page.before], [["m4", "m5"], true, 4])
      await server.post("general", "m6")
      await late.upTo(6, 6)
    })

    test("what is published right after subscribing is shown, also in a channel that joins later", async t => {
      const { server, read } = await serve(t)
      await server.post("general", "old")
      await server.post("late", "old")
      const r = read({ transports: [way] }, "general", "head")
      await r.client.channel("general").publish({ text: "first" })
      await r.upTo(2, 2)
      const got: string[] = []
      r.client.channel("late").subscribe(m => got.push(m.text!))
      await r.client.channel("late").publish({ text: "second" })
      await r.until("a message of the late channel", () => got.length > 0)
      assert.deepEqual(got, ["second"])
    })

    test("many channels over one connection, and more of them later", async t => {
      const { server, read } = await serve(t)
      const r = read({ transports: [way] })
      const others = ["a:b", "random", "team.x"]
      const got: string[] = []
      for (const name of others) r.client.channel(name, { after: 0 }).subscribe(m => got.push(`${name} ${m.text}`))
      await r.connected()
      for (const name of others) await server.post(name, "one")
      await r.until("three messages", () => got.length === 3)
      r.client.channel("late", { after: 0 }).subscribe(m => got.push(`late ${m.text}`))
      await server.post("late", "two")
      await server.post("general", "m1")
      await r.until("a message of the late channel", () => got.length === 4)
      await r.upTo(1)
      assert.deepEqual(got.sort(), ["a:b one", "late two", "random one", "team.x one"])
    })

    test("resumes where it was when the connection is cut", async t => {
      const { server, read } = await serve(t)
      const r = read({ transports: [way] })
      await r.connected()
      for (let i = 1; i <= 20; i++) {
        await server.post("general", `m${i}`)
        if (i % 5 === 0) r.client.cut()
      }
      await r.upTo(20)
      assert.ok(r.states.some(s => s.status === "waiting"))
    })

    test("a cursor that can't be served is told by a reset, and what is kept follows", async t => {
      const { server, read } = await serve(t)
      await server.post("general", "m1")
      const r = read({ transports: [way] }, "general", 99)
      await r.until("a reset", () => r.told.length > 0)
      await server.post("general", "m2")
      await r.upTo(2, 2)
      assert.deepEqual(r.told.filter(s => s.startsWith("reset")), ["reset ahead after 0"])
    })

    test("nothing is lost or repeated when the server is killed and comes back", async t => {
      const { server, read } = await serve(t)
      const r = read({ transports: [way] })
      await r.connected()
      const room = r.client.channel("general")
      for (let life = 0; life < 3; life++) {
        for (let i = 0; i < 3; i++) await server.post("general", "from outside")
        await server.stop("SIGKILL")
        const sent = [1, 2].map(n => room.publish({ text: `${life}.${n}` })) // they wait for the next life
        await server.start()
        await Promise.all(sent)
      }
      await r.upTo(15)
      assert.deepEqual(r.messages.filter(m => m.user === "alice").map(m => m.text), ["0.1", "0.2", "1.1", "1.2", "2.1", "2.2"])
      assert.deepEqual(r.told.filter(s => s.startsWith("reset")), [])
    })

    test("a server that drains is left, and found again when it is back", async t => {
      const { server, read } = await serve(t)
      const r = read({ transports: [way] })
      await r.connected()
      await server.post("general", "m1")
      await r.upTo(1)
      assert.equal(await server.stop("SIGTERM"), 0)
      await r.until("the end of the connection", () => r.client.state.status !== "connected")
      await server.start()
      await server.post("general", "m2")
      await r.upTo(2)
    })
  })
}

describe("all transports", { skip, concurrency: false }, () => {
  test("hops between them lose and repeat nothing", async t => {
    const { server, read } = await serve(t)
    const r = read()
    await r.connected()
    let n = 0
    for (const way of [...ways, ...ways].reverse()) {
      await server.post("general", `m${++n}`)
      r.client.use(way)
      await server.post("general", `m${++n}`)
      await r.until(way, () => r.client.state.status === "connected" && r.client.state.transport === way)
      await r.client.channel("general").publish({ text: `m${++n}` })
    }
    r.client.use()
    await server.post("general", `m${++n}`)
    await r.upTo(n)
    assert.ok(r.messages.every((m, i) => m.text === `m${i + 1}`))
  })

  const through: [Temper, TransportName][] = [["fair", "websocket"], ["blocks upgrades", "sse"], ["swallows streams", "long-poll"], ["cuts what waits", "long-poll"]]
  for (const [temper, way] of through) {
    test(`a proxy that ${temper === "fair" ? "is fair" : temper} is noticed: ${way}`, async t => {
      const { server, read } = await serve(t)
      const proxy = new Proxy(server.url, temper)
      await proxy.start()
      t.after(() => proxy.stop())
      for (let i = 1; i <= 3; i++) await server.post("general", `m${i}`)
      const r = read({}, "general", 0, proxy.url)
      await r.upTo(3)
      assert.equal(r.client.state.transport, way)
      await r.client.channel("general").publish({ text: "m4" })
      await new Promise(resolve => setTimeout(resolve, 1_500)) // long enough for what waits to be cut
      await server.post("general", "m5")
      await r.upTo(5)
      assert.equal(r.client.state.transport, way)
    })
  }

  test("what is published while a proxy is in the way of the better transports is shown", async t => {
    const { server, read } = await serve(t)
    await server.post("general", "old")
    for (const [n, temper] of (["blocks upgrades", "swallows streams", "cuts what waits"] as const).entries()) {
      const proxy = new Proxy(server.url, temper)
      await proxy.start()
      t.after(() => proxy.stop())
      const r = read({}, "general", "head", proxy.url)
      await r.client.channel("general").publish({ text: temper })
      await r.upTo(n + 2, n + 2)
      r.client.close()
    }
  })

  test("when a proxy stops blocking, the better transport takes over", async t => {
    const { server, read } = await serve(t)
    const proxy = new Proxy(server.url, "blocks upgrades")
    await proxy.start()
    t.after(() => proxy.stop())
    const r = read({}, "general", 0, proxy.url)
    await r.until("sse", () => r.client.state.transport === "sse" && r.client.state.status === "connected")
    proxy.temper = "fair"
    let n = 0
    while (r.client.state.transport === "sse" && n < 1000) {
      await server.post("general", `m${++n}`)
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    await server.post("general", `m${++n}`)
    await r.upTo(n)
    assert.equal(r.client.state.transport, "websocket")
    assert.ok(!r.states.some(s => s.status === "waiting"))
  })

  test("events reach those who stream, not the one they are of", async t => {
    const { read } = await serve(t)
    const ws = read({ transports: ["websocket"], user: "wendy" })
    await ws.connected()
    const sse = read({ transports: ["sse"], user: "sam" })
    await sse.connected()
    await ws.until("sam", () => ws.told.includes("user-joined sam"))
    ws.client.channel("general").typing()
    await sse.until("typing", () => sse.told.includes("typing wendy"))
    await ws.client.channel("general").event("score", { home: 1 })
    await sse.client.channel("general").event("score", { home: 2 })
    await sse.until("an event", () => sse.told.includes("event wendy"))
    await ws.until("an event", () => ws.told.includes("event sam"))
    assert.ok(!ws.told.includes("typing wendy") && !ws.told.includes("event wendy"))
  })

  test("a name that no channel can have is refused on every transport, and others go on", async t => {
    const { server, read } = await serve(t)
    await server.post("general", "m1")
    for (const way of ways) {
      const r = read({ transports: [way] })
      const refused = new Promise<Error>(resolve => {
        r.client.channel("no/such name").on("refused", resolve)
      })
      assert.match(String(await refused), /ParleyError/)
      await r.upTo(1)
      r.client.close()
    }
  })

  test("long messages and other scripts arrive as they were sent", async t => {
    const { read } = await serve(t)
    const readers = ways.map(way => read({ transports: [way] }))
    const texts = ["żółć 👍 \u0000 \u2028", "x".repeat(16_000), "line\r\n\r\ndata: not a field\nid: 7"]
    for (const text of texts) await readers[0]!.client.channel("general").publish({ text })
    for (const r of readers) {
      await r.upTo(3)
      assert.deepEqual(r.messages.map(m => m.text), texts)
    }
  })

  test("the iterator reads what several publish at once, each in order", async t => {
    const { read } = await serve(t)
    const r = read()
    const all = r.client.channel("general").messages()
    const writers = ["w1", "w2", "w3"].map(user => read({ user, transports: [user === "w1" ? "websocket" : "sse"] }))
    const written = Promise.all(writers.map(w => Promise.all(Array.from({ length: 10 }, (_, i) => w.client.channel("general").publish({ text: String(i) })))))
    const by: Record<string, string[]> = {}
    let n = 0
    for await (const m of all) {
      (by[m.user] ??= []).push(m.text!)
      if (++n === 30) break
    }
    await written
    for (const user of ["w1", "w2", "w3"]) assert.deepEqual(by[user], Array.from({ length: 10 }, (_, i) => String(i)))
  })
})

