import assert from "node:assert/strict"
import { test } from "node:test"
import { answer, Body, FakeEnv, jwt, settle } from "./fake.js"
import { follow, held } from "./follow.js"

test("an attempt that shows nothing is given up after five seconds, however many failed before", async () => {
  const env = new FakeEnv()
  const { client, states } = follow(env, { transports: ["websocket"] })
  let began = 0
  client.on("state", s => {
    if (s.status === "connecting") began = env.time
    if (s.status === "waiting") assert.equal(env.time - began, 5_000)
  })
  await env.advance(300_000)
  assert.ok(states.filter(s => s.status === "waiting").length > 8)
  client.close()
})

test("an attempt that makes progress has its five seconds from then on", async () => {
  const env = new FakeEnv()
  let ticket!: () => void
  env.serve = () => new Promise(resolve => ticket = () => resolve(answer(200, { ticket: "t" })))
  const { client } = follow(env, { transports: ["websocket"], token: jwt({ sub: "alice", exp: 2e9, iat: 1.7e9 }) })
  await env.advance(4_000)
  ticket()
  await env.advance(4_000)
  assert.equal(client.state.status, "connecting")
  env.socket.welcome()
  assert.equal(client.state.status, "connected")
  client.close()
})

for (const way of ["websocket", "sse", "long-poll"] as const)
  test(`${way}: a stall is noticed within five seconds of the network's return`, async () => {
    const env = new FakeEnv()
    let dead = false
    const bodies: Body[] = []
    env.serve = r => {
      if (dead) return null
      if (way === "long-poll") return r.query.get("timeout") === "0" ? answer(200, held) : null
      const body = new Body(r.signal)
      bodies.push(body)
      body.event({ type: "welcome", channel: "general", cursor: 0, last_id: 0, epoch: "e1" } as never)
      return body.answer()
    }
    const { client } = follow(env, { transports: [way] })
    await env.advance(0)
    if (way === "websocket") env.socket.welcome()
    await settle()
    assert.equal(client.state.status, "connected")
    await env.advance(1_000)
    const before = way === "websocket" ? env.sockets.length : env.requests.length
    env.sign("online") // the connection is dead, and does not say so
    await env.advance(5_500)
    assert.ok((way === "websocket" ? env.sockets.length : env.requests.length) > before)
    dead = true
    client.close()
  })

test("a network that has returned silently is noticed by the first request that succeeds", async () => {
  const env = new FakeEnv()
  let up = false
  env.serve = () => {
    if (!up) throw new Error("no network")
    return answer(200, { count: 0, users: [], truncated: false })
  }
  const { client } = follow(env, { transports: ["websocket"] })
  const room = client.channel("general")
  await env.advance(0)
  for (let i = 0; i < 8; i++) {
    env.socket.end()
    await env.advance(client.state.retryAt! - env.time)
  }
  env.socket.end()
  assert.equal(client.state.status, "waiting")
  await assert.rejects(room.presence())
  const n = env.sockets.length
  up = true
  await room.presence()
  assert.equal(env.sockets.length, n + 1) // at once
  env.socket.end()
  await room.presence() // nothing was lost meanwhile: the server does not take WebSockets, and is not asked more often for that
  assert.equal(env.sockets.length, n + 1)
  assert.ok(client.state.retryAt! - env.time <= 500) // but the waits are short again
  client.close()
})

test("a request that succeeds after one that was lost has an open WebSocket asked whether it is alive", async () => {
  const env = new FakeEnv()
  const { client } = follow(env)
  await env.advance(0)
  env.socket.welcome()
  const room = client.channel("general")
  await assert.rejects(room.presence())
  const pings = env.socket.of("ping").length
  env.serve = () => answer(200, { count: 0, users: [], truncated: false })
  await room.presence()
  await room.presence()
  assert.equal(env.socket.of("ping").length, pings + 1)
  const first = env.socket
  await env.advance(5_000)
  assert.equal(first.closed, true)
  client.close()
})
