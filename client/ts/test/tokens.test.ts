import assert from "node:assert/strict"
import { test } from "node:test"
import { Client, type ParleyError } from "../src/index.js"
import { answer, Body, FakeEnv, jwt, problem, settle, type Request } from "./fake.js"

const bearer = (r: Request): string => (r.headers["Authorization"] ?? "").replace("Bearer ", "")
const tickets = (r: Request): ReturnType<typeof answer> => r.path === "/api/tickets" ? answer(200, { ticket: bearer(r), expires_in: 30 }) : problem(404, "not_found")

for (const [name, shift] of [["an hour ahead", 3600], ["a year ahead", 31_536_000], ["an hour behind", -3600]] as const) {
  test(`the device's clock is ${name}: a token is renewed by its life, not by that clock`, async () => {
    const env = new FakeEnv()
    let n = 0
    const getToken = (): string => {
      const iat = Math.floor(env.time / 1000) - shift // the server's clock
      return jwt({ sub: "alice", n: ++n, iat, exp: iat + 600 })
    }
    env.serve = tickets
    const client = new Client("http://parley.test", { env, getToken })
    await env.advance(539_000)
    assert.equal(n, 1)
    await env.advance(1_000)
    assert.equal(n, 2)
    client.close()
  })
}

test("a token without iat and a clock that is ahead of its end: no calls without a reason", async () => {
  const env = new FakeEnv()
  let n = 0
  const client = new Client("http://parley.test", { env, getToken: () => jwt({ sub: "alice", n: ++n, exp: env.time / 1000 - 5 }) })
  await env.advance(3_000)
  assert.equal(n, 1)
  client.close()
})

test("whatever the server says about its end, tokens are not asked for faster than the waits allow", async () => {
  const env = new FakeEnv()
  let n = 0
  env.serve = r => {
    const body = new Body(r.signal)
    body.event({ type: "welcome", channel: "general", cursor: 3, last_id: 3, epoch: "e1" } as never)
    setImmediate(() => body.event({ type: "token-expiring", in: 1 } as never))
    return body.answer()
  }
  const client = new Client("http://parley.test", { env, transports: ["sse"], getToken: () => jwt({ sub: "alice", n: ++n, iat: env.time / 1000, exp: env.time / 1000 + 60 }) })
  client.channel("general").subscribe(() => {})
  for (let i = 0; i < 30; i++) await env.advance(100)
  assert.ok(n <= 8, `${n} tokens in 3 s`)
  await env.advance(60_000)
  assert.ok(n <= 20, `${n} tokens in a minute`)
  client.close()
})

test("a short life is renewed in time, again and again", async () => {
  const env = new FakeEnv()
  let n = 0
  env.serve = tickets
  const client = new Client("http://parley.test", { env, getToken: () => jwt({ sub: "alice", n: ++n, iat: env.time / 1000, exp: env.time / 1000 + 20 }) })
  await env.advance(100_000)
  assert.ok(n >= 9 && n <= 11, `${n} tokens of 20 s in 100 s`)
  client.close()
})

test("many requests with an expired token share one renewal", async () => {
  const env = new FakeEnv()
  let n = 0
  env.serve = r => bearer(r) === "t1" ? problem(401, "unauthorized") : answer(200, { channels: [] })
  const client = new Client("http://parley.test", { env, token: "t1", getToken: async () => `t${++n + 1}` })
  await Promise.all(Array.from({ length: 10 }, () => client.inbox()))
  assert.equal(n, 1)
  client.close()
})

test("refusals of an old token that come late are none of the new one", async () => {
  const env = new FakeEnv()
  let n = 0
  const late: (() => void)[] = []
  env.serve = r => bearer(r) !== "t1" ? answer(200, { channels: [] }) : new Promise(resolve => late.push(() => resolve(problem(401, "unauthorized"))))
  const client = new Client("http://parley.test", { env, token: "t1", getToken: async () => `t${++n + 1}` })
  const all = Array.from({ length: 6 }, () => client.inbox())
  for (const refuse of late) {
    refuse()
    await settle()
  }
  await settle()
  for (const refuse of late) refuse()
  await Promise.all(all)
  assert.equal(n, 1)
  client.close()
})

test("a revocation in the second of the new token: the client waits as it is told, and comes back", async () => {
  for (const way of ["websocket", "sse"] as const) {
    const env = new FakeEnv()
    const revoked = Math.floor(env.time / 1000)
    const old = (r: Request): boolean => Number(JSON.parse(Buffer.from(bearer(r).split(".")[1]!, "base64url").toString()).iat) <= revoked
    const refusal = problem(401, "unauthorized", { "Retry-After": "1" }, { hint: "a token of this second may be older than the revocation" })
    env.serve = r => {
      if (old(r)) return refusal
      if (way === "websocket") return tickets(r)
      const body = new Body(r.signal)
      body.event({ type: "welcome", channel: "general", cursor: 3, last_id: 3, epoch: "e1" } as never)
      return body.answer()
    }
    let n = 0
    const getToken = (): string => jwt({ sub: "alice", n: ++n, iat: Math.floor(env.time / 1000), exp: Math.floor(env.time / 1000) + 600 })
    const client = new Client("http://parley.test", { env, getToken, transports: [way] })
    client.channel("general").subscribe(() => {})
    for (let i = 0; i < 40; i++) {
      await env.advance(100)
      if (way === "websocket" && env.sockets.length) env.socket.welcome()
    }
    assert.equal(client.state.status, "connected", way)
    assert.ok(n <= 4, `${n} tokens`)
    client.close()
  }
})

test("after the application's reconnect refused tokens count from the beginning", async () => {
  const env = new FakeEnv()
  let good = false
  env.serve = r => good ? tickets(r) : problem(401, "unauthorized")
  const client = new Client("http://parley.test", { env, transports: ["websocket"], getToken: () => "t" })
  client.channel("general").subscribe(() => {})
  await env.advance(60_000)
  assert.equal(client.state.status, "refused")
  good = true
  client.reconnect()
  await env.advance(60_000)
  assert.equal(env.sockets.length > 0, true)
  client.close()
})

test("a getToken that never settles is given up, and called again", async () => {
  const env = new FakeEnv()
  let n = 0
  env.serve = tickets
  const client = new Client("http://parley.test", { env, transports: ["websocket"], getToken: () => ++n === 1 ? new Promise(() => {}) : "t" })
  client.channel("general").subscribe(() => {})
  await env.advance(40_000)
  assert.equal(n >= 2, true)
  assert.equal(env.sockets.length > 0, true)
  client.close()
})

test("close during getToken sends nothing, and what waited for it rejects", async () => {
  for (const transports of [["websocket"], ["sse"], ["long-poll"]] as const) {
    const env = new FakeEnv()
    let give = (_: string): void => {}
    const client = new Client("http://parley.test", { env, transports, getToken: () => new Promise<string>(resolve => give = resolve) })
    client.channel("general").subscribe(() => {})
    const asked = client.inbox()
    await env.advance(0)
    client.close()
    give("t")
    await assert.rejects(asked, (e: ParleyError) => e.code === "closed")
    await env.advance(60_000)
    assert.deepEqual([env.requests.length, env.sockets.length], [0, 0])
  }
})

for (const [name, transports, path] of [["WebSocket", ["websocket", "sse"], "/ws"], ["event stream", ["sse", "poll"], "/api/stream"]] as const) {
  test(`a getToken that takes its time does not count as a silent ${name}`, async () => {
    const env = new FakeEnv()
    env.serve = async r => {
      if (r.path === "/api/tickets") return answer(200, { ticket: "t", expires_in: 30 })
      return null
    }
    const client = new Client("http://parley.test", { env, transports, getToken: () => new Promise<string>(resolve => void env.setTimeout(() => resolve(jwt({ sub: "alice" })), 12_000)) })
    const tried: unknown[] = []
    client.on("state", s => tried.push(s.transport))
    client.channel("general").subscribe(() => {})
    await env.advance(12_100)
    assert.deepEqual([[...new Set(tried)], client.state.error], [[transports[0]], undefined])
    assert.ok(path === "/ws" ? env.sockets.length === 1 : env.asked(path).length === 1)
    await env.advance(5_000) // but a silent one does
    assert.deepEqual([...new Set(tried)], transports)
    client.close()
    await settle()
    assert.equal(env.timers, 0)
  })
}
