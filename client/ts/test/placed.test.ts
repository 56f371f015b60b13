import assert from "node:assert/strict"
import { test } from "node:test"
import { Client, type ClientOptions, type Message, type TransportName } from "../src/index.js"
import { answer, Body, FakeEnv, problem, serve, settle } from "./fake.js"

// What is published in a channel that is followed is shown there, also if the channel was subscribed to a moment ago.

/** A server with one log: its streams and polls begin at the head if they name no cursor. */
function log(env: FakeEnv, before = 3): Message[] {
  const all: Message[] = []
  const streams = new Set<Body>()
  const store = (text: string, key?: string): Message => {
    const m: Message = { type: "message", id: all.length + 1, channel: "general", user: "alice", text, timestamp: 1, key }
    all.push(m)
    for (const body of streams) body.event(m)
    return m
  }
  for (let i = 0; i < before; i++) store("old")
  env.serve = r => {
    if (r.method === "POST") return answer(201, store(r.body!["text"] as string, r.body!["key"] as string))
    const cursor = Number(r.query.get("after") ?? all.length)
    if (r.path === "/api/stream") {
      const body = new Body(r.signal)
      body.event({ type: "welcome", channel: "general", cursor, last_id: all.length, epoch: "e1" } as never)
      for (const m of all.slice(cursor)) body.event(m)
      streams.add(body)
      return body.answer()
    }
    const messages = all.slice(cursor)
    return messages.length || r.query.get("timeout") === "0" ? answer(200, { messages, last_id: all.length, epoch: "e1" }) : null
  }
  return all
}

function begin(env: FakeEnv, options: ClientOptions = {}): { client: Client; shown: string[] } {
  const client = new Client("http://parley.test", { env, user: "alice", ...options })
  const shown: string[] = []
  client.channel("general").subscribe(m => shown.push(m.text!))
  return { client, shown }
}

const way: Record<TransportName, number> = { websocket: 0, sse: 0, "long-poll": 0, poll: 2_000 } // when the message is shown, in milliseconds

for (const [transport, ms] of Object.entries(way) as [TransportName, number][])
  test(`${transport}: a message published right after subscribing is shown`, async () => {
    const env = new FakeEnv()
    if (transport === "websocket") serve(env)
    else log(env)
    const { client, shown } = begin(env, { transports: [transport] })
    const sent = client.channel("general").publish({ text: "hi" })
    await env.advance(ms)
    await sent
    assert.deepEqual(shown, ["hi"])
    client.close()
    await settle()
    assert.equal(env.timers, 0)
  })

for (const transport of ["sse", "long-poll"] as const)
  test(`${transport}: a message published while a WebSocket is tried in vain is shown`, async () => {
    const env = new FakeEnv()
    log(env)
    const { client, shown } = begin(env, { transports: ["websocket", transport] })
    const first = client.channel("general").publish({ text: "one" })
    await env.advance(2_000)
    assert.equal(env.requests.length, 0)
    const second = client.channel("general").publish({ text: "two" })
    await env.advance(3_000) // the WebSocket is given up
    await Promise.all([first, second])
    await settle()
    assert.equal(client.state.transport, transport)
    assert.deepEqual(shown, ["one", "two"])
    client.close()
  })

test("a message of a channel that joins a connection goes after the welcome, and holds up no other channel", async () => {
  const env = new FakeEnv()
  const { client } = begin(env)
  await env.advance(0)
  env.socket.welcome()
  const room = client.channel("late")
  room.subscribe(() => {})
  void room.publish({ text: "a" })
  void client.channel("general").publish({ text: "b" })
  await env.advance(0)
  assert.deepEqual(env.socket.of("message").map(f => f["text"]), ["b"])
  assert.deepEqual(env.socket.of("subscribe").map(f => f["channel"]), ["general", "late"])
  env.socket.receive({ type: "welcome", channel: "late", cursor: 4, last_id: 4, epoch: "e1" })
  assert.deepEqual(env.socket.of("message").map(f => f["text"]), ["b", "a"])
  client.close()
})

test("a sign of life is not a position: the message waits for the welcome", async () => {
  const env = new FakeEnv()
  const { client } = begin(env)
  void client.channel("general").publish({ text: "a" })
  await env.advance(0)
  env.socket.open()
  env.socket.receive({ type: "pong" })
  assert.equal(client.state.status, "connected")
  assert.equal(env.socket.of("message").length, 0)
  env.socket.welcome({ general: 9 })
  assert.equal(env.socket.of("message").length, 1)
  client.close()
})

test("if no welcome comes in 15 s, messages go without one, by POST, and those after them at once", async () => {
  const env = new FakeEnv()
  env.serve = () => answer(201, { id: env.requests.length, timestamp: 1 })
  const { client } = begin(env)
  const room = client.channel("general")
  void room.publish({ text: "a" })
  await env.advance(0)
  env.socket.open()
  env.socket.receive({ type: "pong" })
  await env.advance(10_000)
  void room.publish({ text: "b" })
  await env.advance(4_999)
  assert.equal(env.requests.length, 0)
  await env.advance(1)
  assert.deepEqual(env.requests.map(r => r.body!["text"]), ["a", "b"])
  assert.equal(env.socket.of("message").length, 0)
  client.close()
})

test("a position that is given, or known from history, is waited for no longer", async () => {
  const env = new FakeEnv()
  env.serve = r => r.method === "POST" ? answer(201, { id: 8, timestamp: 1 }) : answer(200, [], { "Parley-Last-Id": "7", "Parley-Epoch": "e1" })
  const client = new Client("http://parley.test", { env, user: "alice" })
  client.channel("given").subscribe(() => {}, { after: 7 })
  assert.equal((await client.channel("given").publish({ text: "a" })).id, 8)
  const room = client.channel("asked")
  room.subscribe(() => {})
  const sent = room.publish({ text: "b" })
  await settle()
  assert.equal(env.asked("/api/messages", "POST").length, 1)
  await env.advance(0)
  env.socket.open()
  env.socket.receive({ type: "pong" })
  await room.history()
  assert.deepEqual(env.socket.of("message").map(f => f["text"]), ["b"])
  client.close()
  await assert.rejects(sent)
})

test("a message does not wait for a channel that may not be followed, or that nobody listens to any more", async () => {
  const env = new FakeEnv()
  const { client } = begin(env)
  void client.channel("general").publish({ text: "a" })
  const off = client.channel("left").subscribe(() => {})
  void client.channel("left").publish({ text: "b" })
  await env.advance(0)
  env.socket.open()
  env.socket.receive({ type: "pong" })
  assert.equal(env.socket.of("message").length, 0)
  env.socket.receive({ type: "error", code: "forbidden", channel: "general", key: env.socket.of("subscribe")[0]!["key"] })
  assert.deepEqual(env.socket.of("message").map(f => f["text"]), ["a"])
  off()
  assert.deepEqual(env.socket.of("message").map(f => f["text"]), ["a", "b"])
  client.close()
})

test("when the server refuses the client for good, what waits is refused too", async () => {
  const env = new FakeEnv()
  env.serve = () => problem(403, "forbidden_origin")
  const { client } = begin(env, { transports: ["sse"] })
  const sent = client.channel("general").publish({ text: "a" })
  await env.advance(0)
  await assert.rejects(sent, { code: "forbidden_origin" })
  client.close()
})

test("a welcome to one channel hurries no message that the server has put off, in any", async () => {
  const env = new FakeEnv()
  const { client } = begin(env)
  await env.advance(0)
  env.socket.welcome()
  void client.channel("general").publish({ text: "a" })
  env.socket.receive({ type: "error", key: "k1", code: "rate_limited", detail: "slowly", retry_after_ms: 5_000 })
  client.channel("late").subscribe(() => {})
  await env.advance(0)
  for (const channel of ["late", "general"]) env.socket.receive({ type: "welcome", channel, cursor: 4, last_id: 4, epoch: "e1" })
  await env.advance(4_999)
  assert.equal(env.socket.of("message").length, 1)
  await env.advance(1)
  assert.equal(env.socket.of("message").length, 2)
  client.close()
})
