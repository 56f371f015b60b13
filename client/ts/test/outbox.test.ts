import assert from "node:assert/strict"
import { test } from "node:test"
import { Client, ParleyError, type ClientOptions, type Outgoing, type Store, type Stored } from "../src/index.js"
import { answer, Body, FakeEnv, problem, settle } from "./fake.js"

/** A store that outlives its clients. */
class Shelf implements Store {
  readonly items = new Map<string, Stored>()
  async load(scope: string): Promise<Stored[]> { return structuredClone([...this.items.values()].filter(i => i.scope === scope)) }
  async put(item: Stored): Promise<void> { this.items.set(item.id, structuredClone(item)) }
  async remove(id: string): Promise<void> { this.items.delete(id) }
}

function make(env: FakeEnv, options: ClientOptions = {}): { client: Client; states: string[] } {
  const client = new Client("http://parley.test", { env, user: "alice", ...options })
  const states: string[] = []
  client.on("outbox", o => states.push(`${o.text ?? o.key} ${o.state}${o.id ? ` ${o.id}` : ""}`))
  return { client, states }
}

const ack = (key: unknown, id: number): object => ({ type: "ack", channel: "general", key, id, timestamp: id, duplicate: false })

test("a message goes over the WebSocket with a key and is acknowledged", async () => {
  const env = new FakeEnv()
  const { client, states } = make(env)
  const room = client.channel("general")
  room.subscribe(() => {})
  await env.advance(0)
  env.socket.welcome()
  const sent = room.publish({ text: "one", data: { a: 1 }, thread: 3 })
  assert.deepEqual(env.socket.of("message"), [{ type: "message", channel: "general", text: "one", data: { a: 1 }, thread: 3, key: "k1" }])
  env.socket.receive(ack("k1", 11))
  assert.deepEqual(await sent, { id: 11, timestamp: 11, duplicate: false })
  assert.deepEqual(states, ["one queued", "one sent", "one acknowledged 11"])
  assert.deepEqual(room.outbox, [])
  client.close()
})

test("the message itself, coming by, is an acknowledgement too; others' messages with that key are not", async () => {
  const env = new FakeEnv()
  const { client } = make(env)
  const room = client.channel("general")
  const order: string[] = []
  room.subscribe(m => order.push(`message ${m.key} with ${room.outbox.length} waiting`))
  room.on("outbox", o => order.push(o.state))
  await env.advance(0)
  env.socket.welcome()
  const sent = room.publish({ text: "one" })
  env.socket.receive({ type: "message", id: 1, channel: "general", user: "mallory", text: "mine", timestamp: 1, key: "k1" })
  env.socket.receive({ type: "message", id: 2, channel: "general", user: "alice", text: "one", timestamp: 2, key: "k1" })
  assert.equal((await sent).id, 2)
  assert.deepEqual(order, ["queued", "sent", "message k1 with 1 waiting", "acknowledged", "message k1 with 0 waiting"])
  client.close()
})

test("without a WebSocket a message goes by POST", async () => {
  const env = new FakeEnv()
  env.serve = () => answer(200, { type: "message", id: 5, timestamp: 5 })
  const { client } = make(env)
  assert.deepEqual(await client.channel("general").publish({ text: "one", key: "mine" }), { id: 5, timestamp: 5, duplicate: true })
  assert.deepEqual([env.requests[0]!.path, env.requests[0]!.body], ["/api/messages", { channel_id: "general", text: "one", key: "mine" }])
  client.close()
})

test("messages of one channel leave in order, one at a time; other channels do not wait", async () => {
  const env = new FakeEnv()
  const { client } = make(env)
  const room = client.channel("general")
  room.subscribe(() => {})
  await env.advance(0)
  env.socket.welcome()
  for (const text of ["a", "b", "c"]) void room.publish({ text })
  void client.channel("other").publish({ text: "x" })
  assert.deepEqual(env.socket.of("message").map(f => f["text"]), ["a", "x"])
  env.socket.receive(ack("k1", 1))
  env.socket.receive(ack("k2", 2))
  assert.deepEqual(env.socket.of("message").map(f => f["text"]), ["a", "x", "b", "c"])
  client.close()
})

test("what was sent over a connection that is lost goes again with its key, before what came later", async () => {
  const env = new FakeEnv()
  const { client, states } = make(env, { transports: ["websocket"] })
  const room = client.channel("general")
  room.subscribe(() => {})
  await env.advance(0)
  env.socket.welcome()
  const a = room.publish({ text: "a" })
  env.socket.end()
  const b = room.publish({ text: "b" })
  assert.deepEqual(room.outbox.map(o => `${o.text} ${o.state}`), ["a queued", "b queued"])
  await env.advance(500)
  env.socket.welcome()
  env.socket.receive({ ...ack("k1", 1), duplicate: true })
  env.socket.receive(ack("k2", 2))
  assert.deepEqual([(await a).duplicate, (await b).id], [true, 2])
  assert.deepEqual(env.socket.of("message").map(f => f["key"]), ["k1", "k2"])
  assert.equal(states.filter(s => s.includes("acknowledged")).length, 2)
  client.close()
})

test("what is published offline waits and leaves in order when there is a connection", async () => {
  const env = new FakeEnv()
  const { client } = make(env)
  const room = client.channel("general")
  room.subscribe(() => {})
  await env.advance(0)
  env.socket.end()
  await settle()
  for (const text of ["a", "b", "c"]) void room.publish({ text })
  assert.deepEqual(room.outbox.map(o => o.state), ["queued", "queued", "queued"])
  assert.equal(env.asked("/api/messages", "POST").length, 0)
  await env.advance(client.state.retryAt! - env.time)
  env.socket.welcome()
  for (let i = 1; i <= 3; i++) env.socket.receive(ack(`k${i}`, i))
  assert.deepEqual(env.socket.of("message").map(f => f["text"]), ["a", "b", "c"])
  assert.deepEqual(room.outbox, [])
  client.close()
})

test("a message that is not answered goes again", async () => {
  const env = new FakeEnv()
  const { client } = make(env)
  const room = client.channel("general")
  room.subscribe(() => {})
  await env.advance(0)
  env.socket.welcome()
  void room.publish({ text: "a" })
  await env.advance(15_000)
  assert.deepEqual(env.socket.of("message").map(f => f["key"]), ["k1", "k1"])
  client.close()
})

test("refused for good: it fails, what is behind it goes on, and it can be published again or discarded", async () => {
  const env = new FakeEnv()
  env.serve = r => r.body!["text"] === "bad" ? problem(413, "too_large") : answer(201, { id: 1, timestamp: 1 })
  const { client, states } = make(env)
  const room = client.channel("general")
  const bad = room.publish({ text: "bad", key: "x" }), good = room.publish({ text: "good" })
  await assert.rejects(bad, (e: ParleyError) => e.code === "too_large" && e.terminal)
  await good
  assert.deepEqual(room.outbox.map(o => [o.key, o.state, o.error?.code]), [["x", "failed", "too_large"]])
  assert.equal((await room.publish({ text: "better", key: "x" })).id, 1)
  void room.publish({ text: "bad", key: "y" }).catch(() => {})
  await settle()
  assert.equal(room.discard("y"), true)
  assert.equal(room.discard("y"), false)
  assert.deepEqual(room.outbox, [])
  assert.deepEqual(states.filter(s => s.includes("failed")), ["bad failed", "bad failed"])
  client.close()
})

test("refused for now: it waits as long as the server asks, and nothing overtakes it", async () => {
  const env = new FakeEnv()
  const { client } = make(env)
  const room = client.channel("general")
  room.subscribe(() => {})
  await env.advance(0)
  env.socket.welcome()
  void room.publish({ text: "a" })
  void room.publish({ text: "b" })
  env.socket.receive({ type: "error", key: "k1", code: "rate_limited", detail: "slowly", retry_after_ms: 5_000 })
  void room.publish({ text: "c" })
  await env.advance(4_999)
  assert.equal(env.socket.of("message").length, 1)
  await env.advance(1)
  assert.deepEqual(env.socket.of("message").map(f => f["text"]), ["a", "a"])
  client.close()
})

test("a POST that fails is tried again, later each time, with the same key", async () => {
  const env = new FakeEnv()
  let fails = 3
  env.serve = () => fails-- > 0 ? problem(503, "unavailable") : answer(201, { id: 1, timestamp: 1 })
  const { client } = make(env)
  const sent = client.channel("general").publish({ text: "a" })
  await env.advance(500 + 1000 + 2000)
  assert.equal((await sent).id, 1)
  assert.deepEqual(new Set(env.requests.map(r => r.body!["key"])), new Set(["k1"]))
  assert.equal(env.requests.length, 4)
  client.close()
})

test("a late answer to a message that has come by is not one to the next of its key", async () => {
  const env = new FakeEnv()
  const answers: ((a: ReturnType<typeof answer>) => void)[] = []
  env.serve = r => {
    if (r.method === "POST") return new Promise(resolve => answers.push(resolve))
    const body = new Body(r.signal)
    body.event({ type: "welcome", channel: "general", cursor: 0, last_id: 0, epoch: "e1" } as never)
    setImmediate(() => body.event({ type: "message", id: 1, channel: "general", user: "alice", text: "a", timestamp: 1, key: "x" } as never))
    return body.answer()
  }
  const { client } = make(env, { transports: ["sse"] })
  const room = client.channel("general")
  const first = room.publish({ text: "a", key: "x" })
  room.subscribe(() => {})
  await env.advance(0)
  assert.equal((await first).id, 1)
  const second = room.publish({ text: "again", key: "x" })
  await settle()
  answers[0]!(problem(403, "forbidden"))
  await settle()
  answers[1]!(answer(200, { id: 1, timestamp: 1 }))
  assert.equal((await second).duplicate, true)
  client.close()
})

test("publishing twice with one key is one message", async () => {
  const env = new FakeEnv()
  env.serve = () => answer(201, { id: 1, timestamp: 1 })
  const { client } = make(env)
  const room = client.channel("general")
  const [a, b] = await Promise.all([room.publish({ text: "a", key: "x" }), room.publish({ text: "a", key: "x" })])
  assert.deepEqual(a, b)
  assert.equal(env.requests.length, 1)
  client.close()
})

test("offline, three messages, reload, online: exactly three, in order, and only the same user's", async () => {
  const shelf = new Shelf()
  const offline = new FakeEnv({ name: "p" })
  const first = make(offline, { storage: shelf })
  const room = first.client.channel("general")
  room.subscribe(() => {})
  await offline.advance(0)
  const lost = ["a", "b", "c"].map(text => room.publish({ text }))
  await offline.advance(0)
  first.client.close()
  for (const p of lost) await assert.rejects(p, (e: ParleyError) => e.code === "closed")
  assert.equal(shelf.items.size, 3)

  const other = new FakeEnv({ name: "o" })
  const bob = make(other, { storage: shelf, user: "bob" })
  await other.advance(100_000)
  assert.equal(other.requests.length, 0)
  bob.client.close()

  const online = new FakeEnv({ name: "q" })
  online.time -= 10_000_000 // a clock that was set back
  online.serve = r => answer(201, { id: online.requests.length, timestamp: 1, text: r.body!["text"] })
  const second = make(online, { storage: shelf })
  void second.client.channel("general").publish({ text: "d" })
  await online.advance(0)
  assert.deepEqual(online.requests.map(r => [r.body!["text"], r.body!["key"]]), [["a", "p1"], ["b", "p2"], ["c", "p3"], ["d", "q1"]])
  assert.equal(shelf.items.size, 0)
  assert.ok(second.states.includes("a queued"))
  second.client.close()
})

test("a message that failed is still there after a reload, and is not sent by itself", async () => {
  const shelf = new Shelf()
  const env = new FakeEnv()
  env.serve = () => problem(403, "forbidden")
  const first = make(env, { storage: shelf })
  await assert.rejects(first.client.channel("general").publish({ text: "a", key: "x" }))
  first.client.close()
  const again = new FakeEnv()
  const second = make(again, { storage: shelf })
  await settle()
  assert.deepEqual(second.client.channel("general").outbox.map((o: Outgoing) => [o.key, o.state, o.error?.code]), [["x", "failed", "forbidden"]])
  assert.equal(again.requests.length, 0)
  assert.equal(second.client.channel("general").discard("x"), true)
  await settle()
  assert.equal(shelf.items.size, 0)
  second.client.close()
})

test("a storage that does not work costs nothing but the reload", async () => {
  const broken = async (): Promise<never> => { throw new Error("quota") }
  const env = new FakeEnv()
  env.serve = () => answer(201, { id: 1, timestamp: 1 })
  const { client } = make(env, { storage: { load: broken, put: broken, remove: broken } })
  assert.equal((await client.channel("general").publish({ text: "a" })).id, 1)
  client.close()
})
