import assert from "node:assert/strict"
import { test } from "node:test"
import { Client, type ClientOptions, type ConnectionState, type Message } from "../src/index.js"
import { answer, Body, FakeEnv, problem, settle } from "./fake.js"

function message(id: number, channel = "general", more: object = {}): Message {
  return { type: "message", id, channel, user: "bob", text: `m${id}`, timestamp: id, ...more }
}

/** A client that follows `general`, and what it saw. */
function follow(env: FakeEnv, options: ClientOptions = {}, after?: number): { client: Client; ids: number[]; states: ConnectionState[]; told: string[] } {
  const client = new Client("http://parley.test/", { env, user: "alice", ...options })
  const ids: number[] = [], states: ConnectionState[] = [], told: string[] = []
  client.on("state", s => states.push(s))
  const room = client.channel("general", { after })
  room.subscribe(m => ids.push(m.id))
  room.on("reset", r => told.push(r.reason))
  room.on("refused", e => told.push(`refused ${(e as Error & { code: string }).code}`))
  return { client, ids, states, told }
}

const held = { messages: [], last_id: 0, epoch: "e1" }

test("a WebSocket is opened first and carries all channels", async () => {
  const env = new FakeEnv()
  const { client, ids, states } = follow(env, {}, 4)
  client.channel("random").subscribe(() => {})
  await env.advance(0)
  assert.equal(env.socket.url.href, "ws://parley.test/ws?user=alice")
  env.socket.open()
  assert.deepEqual(env.socket.of("subscribe").map(f => [f["channel"], f["after"]]), [["general", 4], ["random", undefined]])
  env.time += 12
  env.socket.welcome()
  env.socket.receive(message(5))
  assert.deepEqual(ids, [5])
  assert.equal(client.state.status, "connected")
  assert.equal(client.state.transport, "websocket")
  assert.equal(client.state.roundTrip, 12)
  assert.deepEqual(states.map(s => s.status).filter((s, i, a) => s !== a[i - 1]), ["connecting", "connected"])
  assert.equal(env.sockets.length, 1)
  client.close()
  assert.equal(env.socket.closed, true)
  assert.equal(env.timers, 0)
})

test("channels come and go on an open WebSocket", async () => {
  const env = new FakeEnv()
  const { client } = follow(env)
  await env.advance(0)
  env.socket.welcome()
  const off = client.channel("random").subscribe(() => {})
  await env.advance(0)
  assert.deepEqual(env.socket.of("subscribe").map(f => f["channel"]), ["general", "random"])
  off()
  off()
  await env.advance(0)
  assert.deepEqual(env.socket.of("unsubscribe").map(f => f["channel"]), ["random"])
  client.close()
})

test("when nobody listens any more the connection ends", async () => {
  const env = new FakeEnv()
  const client = new Client("http://parley.test", { env })
  const off = client.channel("general").subscribe(() => {})
  await env.advance(0)
  env.socket.welcome()
  off()
  await env.advance(0)
  assert.equal(client.state.status, "idle")
  assert.equal(env.socket.closed, true)
  client.close()
})

test("a blocked WebSocket falls back to SSE at once, and what worked is remembered for the session", async () => {
  const kept = new Map<string, string>()
  const env = new FakeEnv({ kept })
  let body!: Body
  env.serve = r => (body = new Body(r.signal)).answer()
  const { client, ids } = follow(env, {}, 7)
  await env.advance(0)
  env.socket.end()
  await settle()
  assert.equal(env.asked("/api/stream").length, 1)
  assert.equal(env.requests[0]!.query.get("after"), "7")
  assert.equal(env.requests[0]!.headers["Accept"], "text/event-stream")
  body.event({ type: "welcome", channel: "general", cursor: 7, last_id: 8, epoch: "e1" } as never)
  body.event(message(8))
  await settle()
  assert.deepEqual(ids, [8])
  assert.equal(client.state.transport, "sse")
  client.close()

  const again = new FakeEnv({ kept })
  again.serve = r => new Body(r.signal).answer()
  const second = follow(again)
  await again.advance(0)
  assert.equal(again.sockets.length, 0)
  assert.equal(again.asked("/api/stream").length, 1)
  second.client.close()
})

test("a proxy that swallows: each transport must show something in time", async () => {
  const env = new FakeEnv()
  env.serve = r => r.path === "/api/stream" ? new Body(r.signal).answer() // headers, and then nothing
    : r.query.get("timeout") === "0" ? answer(200, { ...held, messages: [message(1)], last_id: 1 }) : null
  const { client, ids } = follow(env, {}, 0)
  await env.advance(0) // a WebSocket that never opens
  assert.equal(client.state.transport, "websocket")
  await env.advance(5_000)
  assert.equal(env.socket.closed, true)
  assert.equal(client.state.transport, "sse")
  await env.advance(5_000)
  assert.equal(client.state.transport, "long-poll")
  assert.equal(client.state.status, "connected")
  assert.deepEqual(ids, [1])
  assert.equal(env.requests.at(-1)!.query.get("timeout"), "25")
  assert.equal(env.requests.at(-1)!.query.get("after"), "1")
  assert.equal(env.requests.at(-1)!.query.get("epoch"), "e1")
  client.close()
})

test("a held poll that is cut is followed by one that is not held, and shorter ones", async () => {
  const env = new FakeEnv()
  const cut: ((e: Error) => void)[] = []
  env.serve = r => r.query.get("timeout") === "0" ? answer(200, held) : new Promise((_, reject) => cut.push(reject))
  const { client } = follow(env, { transports: ["long-poll"] }, 0)
  await env.advance(0)
  cut[0]!(new Error("reset by a proxy"))
  await settle()
  assert.deepEqual(env.requests.map(r => r.query.get("timeout")), ["0", "25", "0", "12.5"])
  assert.equal(client.state.status, "connected")
  client.close()
})

test("short polls ask every two seconds, and at once while there is more", async () => {
  const env = new FakeEnv()
  let waiting = [message(1), message(2)]
  env.serve = () => {
    const messages = waiting
    waiting = []
    return answer(200, { messages, last_id: messages.at(-1)?.id ?? 2, epoch: "e1" })
  }
  const { client, ids } = follow(env, { transports: ["poll"] }, 0)
  await env.advance(0)
  assert.equal(env.requests.length, 2)
  await env.advance(2_000)
  assert.equal(env.requests.length, 3)
  waiting = [message(3)]
  await env.advance(2_000)
  assert.deepEqual(ids, [1, 2, 3])
  assert.ok(env.requests.every(r => r.query.get("timeout") === "0"))
  client.close()
  assert.equal(env.timers, 0)
})

test("without a cursor a poll begins at the head it is told", async () => {
  const env = new FakeEnv()
  env.serve = r => r.query.get("timeout") === "0" ? answer(200, { messages: [], cursor: "general:41,a:b:7", epoch: "e1" }) : null
  const { client } = follow(env, { transports: ["long-poll"] })
  client.channel("a:b").subscribe(() => {})
  await env.advance(0)
  assert.equal(client.channel("general").cursor, 41)
  assert.equal(client.channel("a:b").cursor, 7)
  assert.equal(env.requests[0]!.query.get("after"), null)
  assert.equal(env.requests[1]!.query.get("after"), "general:41,a:b:7")
  client.close()
})

test("something better is tried in the background and takes over without losing or repeating", async () => {
  const env = new FakeEnv()
  let body!: Body
  env.serve = r => (body = new Body(r.signal)).answer()
  const { client, ids, states } = follow(env, {}, 0)
  await env.advance(0)
  env.socket.end()
  await settle()
  body.event({ type: "welcome", channel: "general", cursor: 0, last_id: 1, epoch: "e1" } as never)
  body.event(message(1))
  await env.advance(10_000)
  assert.equal(env.sockets.length, 2)
  assert.equal(client.state.transport, "sse") // until the other has shown that it works
  env.socket.open()
  assert.equal(env.socket.of("subscribe")[0]!["after"], 1)
  body.event(message(2))
  await settle()
  env.socket.receive({ type: "pong" })
  await settle()
  assert.equal(client.state.transport, "websocket")
  body.event(message(3)) // of a stream that is over
  env.socket.receive({ type: "welcome", channel: "general", cursor: 1, last_id: 3, epoch: "e1" })
  for (const id of [2, 3, 4]) env.socket.receive(message(id))
  await settle()
  assert.deepEqual(ids, [1, 2, 3, 4])
  assert.ok(!states.some((s, i) => i > 3 && s.status !== "connected"))
  client.close()
})

test("what is better and fails is tried again, later each time", async () => {
  const env = new FakeEnv()
  env.serve = r => {
    const body = new Body(r.signal)
    body.event({ type: "welcome", channel: "general", cursor: 0, last_id: 0, epoch: "e1" } as never)
    const beat = (): void => {
      if (r.signal.aborted) return
      body.write(":\n\n")
      env.setTimeout(beat, 20_000)
    }
    beat()
    return body.answer()
  }
  const { client } = follow(env, {}, 0)
  await env.advance(0)
  env.socket.end()
  const opened: number[] = []
  for (let s = 0; s < 400; s++) {
    const n = env.sockets.length
    await env.advance(1_000)
    if (env.sockets.length > n) opened.push(s + 1)
    if (!env.socket.closed) env.socket.end()
  }
  assert.deepEqual(opened.map((at, i) => at - (opened[i - 1] ?? 0)).map(n => Math.round(n / 5) * 5), [10, 20, 40, 80, 160])
  assert.equal(client.state.transport, "sse")
  client.close()
})

test("a lost connection comes back from the cursor, within half a second at first, then later", async () => {
  const env = new FakeEnv()
  const { client, ids, states } = follow(env, { transports: ["websocket"] })
  await env.advance(0)
  env.socket.welcome({ general: 3 })
  env.socket.receive(message(4))
  const waits: number[] = []
  for (let i = 0; i < 8; i++) {
    env.socket.end()
    const s = client.state
    assert.equal(s.status, "waiting")
    waits.push(s.retryAt! - env.time)
    await env.advance(s.retryAt! - env.time)
  }
  waits.forEach((w, i) => assert.ok(w <= Math.min(30_000, i ? 1000 * 2 ** (i - 1) : 500), `wait ${i}: ${w}`))
  assert.ok(Math.max(...waits) > 4000)
  env.socket.welcome()
  assert.equal(env.socket.of("subscribe")[0]!["after"], 4)
  assert.equal(env.socket.of("subscribe")[0]!["epoch"], "e1")
  env.socket.receive(message(4))
  env.socket.receive(message(5))
  assert.deepEqual(ids, [4, 5])
  assert.ok(states.some(s => s.status === "waiting" && s.error?.code === "gone"))

  env.socket.end() // before ten seconds of calm the waits go on growing
  assert.ok(client.state.retryAt! - env.time > 500)
  await env.advance(30_000)
  env.socket.welcome()
  await env.advance(10_000)
  env.socket.end()
  assert.ok(client.state.retryAt! - env.time <= 500)
  client.close()
})

test("maxRetries ends the trying and says so; reconnect begins anew", async () => {
  const env = new FakeEnv()
  const { client } = follow(env, { transports: ["websocket"], maxRetries: 2 })
  await env.advance(0)
  for (let i = 0; i < 3; i++) {
    env.socket.end()
    await env.advance(40_000)
  }
  assert.equal(client.state.status, "refused")
  assert.equal(client.state.error?.code, "gave_up")
  assert.equal(env.sockets.length, 3)
  client.reconnect()
  await settle()
  assert.equal(env.sockets.length, 4)
  client.close()
})

test("draining: the client comes back when it was told to, and no sooner", async () => {
  const env = new FakeEnv()
  const { client } = follow(env)
  await env.advance(0)
  env.socket.welcome()
  env.socket.receive({ type: "draining", retry_after_ms: 4_000 })
  env.socket.end(1012, "Server draining")
  assert.deepEqual([client.state.status, client.state.error?.code, client.state.retryAt], ["waiting", "draining", env.time + 4_000])
  env.sign("online")
  env.sign("visible")
  await env.advance(3_999)
  assert.equal(env.sockets.length, 1)
  await env.advance(1)
  assert.equal(env.sockets.length, 2)
  assert.equal(client.state.transport, "websocket") // the server spoke: no reason to fall back
  client.close()
})

test("an event stream that can't be served now says when; a poll says it in Retry-After", async () => {
  for (const way of ["sse", "long-poll"] as const) {
    const env = new FakeEnv()
    env.serve = r => {
      if (way === "long-poll") return problem(503, "overloaded", { "Retry-After": "7" })
      const body = new Body(r.signal)
      body.write("retry: 7000\nevent: draining\ndata: {\"code\":\"overloaded\"}\n\n")
      body.end()
      return body.answer()
    }
    const { client } = follow(env, { transports: [way, "poll"] })
    await env.advance(0)
    assert.deepEqual([client.state.status, client.state.transport, client.state.retryAt], ["waiting", way, env.time + 7_000])
    client.close()
  }
})

test("a half-open connection is found by a ping that stays without answer", async () => {
  const env = new FakeEnv()
  const { client } = follow(env)
  await env.advance(0)
  env.socket.welcome()
  await env.advance(30_000)
  assert.equal(env.socket.of("ping").length, 2)
  env.socket.receive({ type: "pong" })
  await env.advance(30_000)
  assert.equal(env.socket.of("ping").length, 3)
  const first = env.socket
  await env.advance(10_000 - 1)
  assert.equal(client.state.status, "connected")
  await env.advance(1)
  assert.equal(first.closed, true)
  assert.equal(client.state.status, "waiting")
  client.close()
})

test("when the network is back, what waits is tried at once and what is open is asked", async () => {
  const env = new FakeEnv()
  const { client } = follow(env, { transports: ["websocket"] })
  await env.advance(0)
  for (let i = 0; i < 6; i++) {
    env.socket.end()
    await env.advance(client.state.retryAt! - env.time)
  }
  env.socket.end()
  const n = env.sockets.length
  env.sign("online")
  await settle()
  assert.equal(env.sockets.length, n + 1)
  env.socket.welcome()
  const pings = env.socket.of("ping").length
  env.sign("pageshow")
  env.sign("visible")
  assert.equal(env.socket.of("ping").length, pings + 1) // one at a time
  assert.deepEqual(env.socket.of("visibility").map(f => f["state"]), ["visible"])
  env.sign("hidden")
  assert.equal(env.socket.of("visibility").length, 2)
  client.close()
})

test("an event stream can't be asked: when the network is back a second one takes its place", async () => {
  const env = new FakeEnv()
  const bodies: Body[] = []
  env.serve = r => {
    const body = new Body(r.signal)
    bodies.push(body)
    body.event({ type: "welcome", channel: "general", cursor: Number(r.query.get("after")), last_id: 5, epoch: "e1" } as never)
    return body.answer()
  }
  const { client, ids, states } = follow(env, { transports: ["sse"] }, 5)
  await env.advance(0)
  env.sign("online")
  await settle()
  assert.equal(bodies.length, 2)
  assert.equal(env.requests[0]!.signal.aborted, true)
  bodies[1]!.event(message(6))
  await settle()
  assert.deepEqual(ids, [6])
  assert.ok(!states.some(s => s.status === "waiting"))
  client.close()
})

test("a silent event stream is given up after 75 s; comments keep it", async () => {
  const env = new FakeEnv()
  let body!: Body
  env.serve = r => {
    body = new Body(r.signal)
    body.event({ type: "welcome", channel: "general", cursor: 0, last_id: 0, epoch: "e1" } as never)
    return body.answer()
  }
  const { client } = follow(env, { transports: ["sse"] }, 0)
  for (let i = 0; i < 6; i++) {
    await env.advance(25_000)
    body.write(":\n\n")
  }
  assert.equal(env.requests.length, 1)
  await env.advance(76_000)
  assert.equal(env.requests.length, 2)
  client.close()
})

test("a transport that has worked is forgiven some failures; one that keeps breaking is left", async () => {
  const env = new FakeEnv()
  env.serve = () => answer(200, "<html>not parley</html>")
  const { client } = follow(env)
  await env.advance(0)
  env.socket.welcome()
  await env.advance(11_000)
  env.socket.end()
  for (let i = 0; i < 4; i++) {
    await env.advance(client.state.retryAt! - env.time)
    assert.equal(client.state.transport, "websocket")
    env.socket.end()
  }
  assert.equal(env.requests.length, 0)
  await env.advance(client.state.retryAt! - env.time)
  env.socket.end()
  await settle()
  assert.deepEqual([...new Set(env.requests.map(r => r.path))], ["/api/stream", "/api/messages/poll"])
  assert.equal(client.state.status, "waiting") // all have failed
  assert.equal(client.state.transport, "websocket")
  client.close()
})

test("one forbidden channel of many is found, told and left out", async () => {
  const env = new FakeEnv()
  env.serve = r => {
    const channels = r.query.getAll("channel_id")
    if (channels.includes("secret")) return problem(403, "forbidden")
    return r.path === "/api/messages" ? answer(200, []) : r.query.get("timeout") === "0" ? answer(200, held) : null
  }
  const { client, told } = follow(env, { transports: ["long-poll"] }, 0)
  const refused: string[] = []
  const secret = client.channel("secret")
  const off = secret.subscribe(() => {})
  secret.on("refused", e => refused.push(e.message))
  await env.advance(0)
  await env.advance(0)
  assert.deepEqual([refused, told], [["refused: forbidden"], []])
  assert.equal(secret.refused?.code, "forbidden")
  assert.equal(client.state.status, "connected")
  assert.deepEqual(env.requests.at(-1)!.query.getAll("channel_id"), ["general"])
  off()
  client.close()
})

test("a subscription that is refused for good is told; one that is refused for now is tried again", async () => {
  const env = new FakeEnv()
  const { client, told } = follow(env)
  client.channel("busy").subscribe(() => {})
  await env.advance(0)
  env.socket.open()
  const key = (channel: string): unknown => env.socket.of("subscribe").find(f => f["channel"] === channel)!["key"]
  env.socket.receive({ type: "error", code: "forbidden", detail: "no", key: key("general") })
  env.socket.receive({ type: "error", code: "rate_limited", detail: "later", key: key("busy"), retry_after_ms: 3000 })
  await env.advance(0)
  assert.deepEqual(told, ["refused forbidden"])
  assert.equal(env.socket.of("subscribe").length, 2)
  await env.advance(3_000)
  assert.deepEqual(env.socket.of("subscribe").map(f => f["channel"]), ["general", "busy", "busy"])
  client.channel("general").on("typing", () => {}) // a new listener asks again
  await env.advance(0)
  assert.equal(env.socket.of("subscribe").length, 4)
  client.close()
})

test("a right that is lost silences its channel only", async () => {
  const env = new FakeEnv()
  const { client, told } = follow(env)
  await env.advance(0)
  env.socket.welcome()
  env.socket.receive({ type: "forbidden", channel: "general", code: "forbidden" })
  assert.deepEqual(told, ["refused forbidden"])
  client.close()
})

test("a terminal close stops the trying and says so; use and reconnect begin again", async () => {
  const env = new FakeEnv()
  const { client } = follow(env)
  await env.advance(0)
  env.socket.open()
  env.socket.receive({ type: "error", code: "forbidden", detail: "you are banned", hint: "ask an administrator" })
  env.socket.end(4403, "forbidden")
  await env.advance(100_000)
  assert.deepEqual([client.state.status, client.state.error?.message, env.sockets.length], ["refused", "you are banned", 1])
  client.use("websocket")
  await settle()
  assert.equal(env.sockets.length, 2)
  client.close()
  client.reconnect()
  assert.equal(client.state.status, "closed")
})

test("an error frame explains only the close that follows it", async () => {
  const env = new FakeEnv()
  const { client } = follow(env)
  await env.advance(0)
  env.socket.welcome()
  env.socket.receive({ type: "error", code: "rate_limited", detail: "slowly", retry_after_ms: 20_000 })
  env.socket.receive(message(1))
  env.socket.end()
  assert.deepEqual([client.state.error?.code, client.state.retryAt! - env.time <= 500], ["gone", true])
  client.close()
})

test("a transport can be forced, and the connection cut", async () => {
  const env = new FakeEnv()
  env.serve = r => r.query.get("timeout") === "0" ? answer(200, { ...held, last_id: 2 }) : null
  const { client, ids } = follow(env)
  await env.advance(0)
  env.socket.welcome()
  env.socket.receive(message(1))
  env.socket.receive(message(2))
  client.use("long-poll")
  await settle()
  assert.equal(env.sockets[0]!.closed, true)
  assert.equal(client.state.transport, "long-poll")
  assert.equal(env.requests[0]!.query.get("after"), "2")
  client.cut()
  assert.equal(client.state.status, "waiting")
  await env.advance(500)
  assert.equal(client.state.status, "connected")
  client.use()
  await settle()
  assert.deepEqual([env.sockets.length, ids], [2, [1, 2]]) // what was forced is not what is remembered
  client.close()
})

test("where there is no WebSocket the client begins with SSE", async () => {
  const env = new FakeEnv()
  env.WebSocket = undefined
  env.serve = r => new Body(r.signal).answer()
  const { client } = follow(env)
  await env.advance(0)
  assert.equal(client.state.transport, "sse")
  client.close()
})

test("channels are parted into requests of at most 200 channels and 2 KiB of names", async () => {
  const env = new FakeEnv()
  env.serve = r => new Body(r.signal).answer()
  const client = new Client("http://parley.test", { env, transports: ["sse"] })
  for (let i = 0; i < 201; i++) client.channel(`c${i}`).subscribe(() => {})
  for (let i = 0; i < 20; i++) client.channel(String(i).padEnd(128, "x")).subscribe(() => {})
  await env.advance(0)
  const groups = env.requests.map(r => r.query.getAll("channel_id"))
  assert.equal(groups.flat().length, 221)
  for (const g of groups) assert.ok(g.length <= 200 && g.join("").length <= 2048)
  assert.equal(groups.length, 3)
  client.close()
})

test("a new channel reopens the event stream from the cursors; those of another epoch go apart", async () => {
  const env = new FakeEnv()
  const bodies: Body[] = []
  env.serve = r => {
    const body = new Body(r.signal)
    bodies.push(body)
    return body.answer()
  }
  const { client } = follow(env, { transports: ["sse"] })
  await env.advance(0)
  bodies[0]!.event({ type: "welcome", channel: "general", cursor: 3, last_id: 3, epoch: "e1" } as never)
  bodies[0]!.event(message(4))
  await settle()
  client.channel("random").subscribe(() => {})
  await env.advance(0)
  assert.equal(env.requests[0]!.signal.aborted, true)
  assert.equal(env.requests[1]!.query.get("after"), "general:4")
  client.channel("old", { after: 9, epoch: "e0" }).subscribe(() => {})
  await env.advance(0)
  assert.equal(env.requests.length, 3)
  assert.deepEqual([env.requests[2]!.query.getAll("channel_id"), env.requests[2]!.query.get("after"), env.requests[2]!.query.get("epoch")], [["old"], "9", "e0"])
  client.close()
})
