import assert from "node:assert/strict"
import { test } from "node:test"
import { answer, Body, FakeEnv, settle, fault } from "./fake.js"
import { follow, held, message } from "./follow.js"

test("a blocked WebSocket falls back to SSE at once, and what worked is remembered for the session", { skip: fault ? "nothing is remembered" : false }, async () => {
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

test("JSON that is not parley's is a bad answer, which is tried again", async () => {
  const env = new FakeEnv()
  env.serve = () => answer(200, { welcome: "to the hotel's network" })
  const { client } = follow(env, { transports: ["long-poll"] }, 0)
  await env.advance(0)
  assert.deepEqual([client.state.status, client.state.error?.code], ["waiting", "bad_answer"])
  const n = env.requests.length
  env.sign("online")
  await settle()
  assert.equal(env.requests.length, n + 1)
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
