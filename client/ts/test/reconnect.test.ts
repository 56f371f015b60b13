import assert from "node:assert/strict"
import { test } from "node:test"
import { Body, FakeEnv, problem, settle } from "./fake.js"
import { follow, message } from "./follow.js"

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
  await env.advance(client.state.retryAt! - env.time)
  env.socket.welcome()
  await env.advance(10_000)
  env.socket.end()
  assert.ok(client.state.retryAt! - env.time <= 500)
  client.close()
})

test("maxRetries ends the attempts and reports it; reconnect starts over", async () => {
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

test("Retry-After may be a date, and longer than timers can wait", async () => {
  const env = new FakeEnv()
  let after = new Date(env.time + 9_000).toUTCString()
  env.serve = () => problem(503, "overloaded", { "Retry-After": after })
  const { client } = follow(env, { transports: ["long-poll"] })
  await env.advance(0)
  assert.equal(client.state.retryAt, env.time + 9_000)
  after = "9999999"
  await env.advance(9_000)
  assert.equal(client.state.status, "waiting")
  await env.advance(1_000_000_000)
  assert.equal(env.requests.length, 2)
  client.close()
})

test("whoever comes back ends a wait: the network, the page, the one who looks at it", async () => {
  for (const sign of ["online", "pageshow", "visible"] as const) {
    const env = new FakeEnv()
    const { client } = follow(env, { transports: ["websocket"] })
    await env.advance(0)
    env.socket.end()
    assert.equal(client.state.status, "waiting")
    env.sign(sign)
    await settle()
    assert.equal(env.sockets.length, 2, sign)
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
  await env.advance(5_000 - 1)
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

test("a connection of a hidden page says so when it opens, and again after it was lost", async () => {
  const env = new FakeEnv()
  env.seen = false
  const { client } = follow(env, { transports: ["websocket"] })
  const said = (): unknown[] => env.socket.of("visibility").map(f => f["state"])
  await env.advance(0)
  env.socket.welcome()
  await settle()
  assert.deepEqual(said(), ["hidden"])
  env.socket.end()
  await env.advance(client.state.retryAt! - env.time)
  env.socket.welcome()
  await settle()
  assert.deepEqual(said(), ["hidden"])
  env.seen = true
  env.sign("visible")
  assert.deepEqual(said(), ["hidden", "visible"])
  env.socket.end()
  await env.advance(client.state.retryAt! - env.time)
  env.socket.welcome()
  await settle()
  assert.deepEqual(said(), []) // what the server takes for granted
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
