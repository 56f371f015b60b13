import assert from "node:assert/strict"
import { test } from "node:test"
import { Client, type ParleyError } from "../src/index.js"
import { answer, Body, FakeEnv, jwt, problem, settle, type Request } from "./fake.js"


const bearer = (r: Request): string => (r.headers["Authorization"] ?? "").replace("Bearer ", "")
const tickets = (r: Request): ReturnType<typeof answer> => r.path === "/api/tickets" ? answer(200, { ticket: `t-${bearer(r)}`, expires_in: 30 }) : problem(404, "not_found")

test("a token goes into a header, for a WebSocket into a ticket, and never into an address", async () => {
  const env = new FakeEnv()
  env.serve = tickets
  const client = new Client("https://parley.test", { env, token: jwt({ sub: "alice" }), user: "ignored" })
  assert.equal(client.user, "alice")
  client.channel("general").subscribe(() => {})
  await env.advance(0)
  assert.equal(env.socket.url.protocol, "wss:")
  assert.equal(env.socket.url.search, `?ticket=${encodeURIComponent(`t-${jwt({ sub: "alice" })}`)}`)
  assert.ok(env.requests.every(r => !r.query.has("user") && !r.query.has("token")))
  client.close()
})

test("the first token is asked for when it is needed, once", async () => {
  const env = new FakeEnv()
  let asked = 0
  env.serve = r => bearer(r) === "one" ? answer(200, { channels: [] }) : problem(401, "unauthorized")
  const client = new Client("http://parley.test", { env, getToken: async () => { asked++; return "one" } })
  await Promise.all([client.inbox(), client.inbox()])
  assert.equal(asked, 1)
  client.close()
})

test("a new token is asked for a minute before the old one ends, and shown on the open connection", async () => {
  const env = new FakeEnv()
  env.serve = tickets
  let n = 0
  const getToken = (): string => jwt({ sub: "alice", n: ++n, exp: env.time / 1000 + 600 })
  const client = new Client("http://parley.test", { env, getToken })
  client.channel("general").subscribe(() => {})
  await env.advance(0)
  env.socket.welcome()
  const { socket } = env
  for (let s = 0; s < 539; s++) { // the server answers whatever it is asked
    await env.advance(1_000)
    if (s % 5 === 0) socket.receive({ type: "pong" })
  }
  assert.equal(n, 1)
  await env.advance(1_000)
  assert.equal(n, 2)
  assert.equal(socket.of("auth").length, 1)
  assert.equal(env.sockets.length, 1)
  client.close()
  assert.equal(env.timers, 0)
})

test("token-expiring asks for a new token", async () => {
  const env = new FakeEnv()
  env.serve = tickets
  let n = 0
  const client = new Client("http://parley.test", { env, getToken: () => `opaque-${++n}` })
  client.channel("general").subscribe(() => {})
  await env.advance(0)
  env.socket.welcome()
  env.socket.receive({ type: "token-expiring", in: 60 })
  await settle()
  assert.deepEqual(env.socket.of("auth"), [{ type: "auth", token: "opaque-2" }])
  client.close()
})

test("an event stream is reopened with the new token, while the old one is still open", async () => {
  const env = new FakeEnv()
  const bodies: Body[] = []
  env.serve = r => {
    const body = new Body(r.signal)
    bodies.push(body)
    body.event({ type: "welcome", channel: "general", cursor: 3, last_id: 3, epoch: "e1" } as never)
    return body.answer()
  }
  let n = 0
  const client = new Client("http://parley.test", { env, transports: ["sse"], getToken: () => jwt({ sub: "alice", n: ++n, exp: env.time / 1000 + 100 }) })
  const states: string[] = []
  client.on("state", s => states.push(s.status))
  client.channel("general").subscribe(() => {})
  await env.advance(0)
  await env.advance(50_000) // half the life of a short one
  assert.equal(bodies.length, 2)
  assert.notEqual(bearer(env.requests[1]!), bearer(env.requests[0]!))
  assert.equal(env.requests[0]!.signal.aborted, true)
  assert.ok(!states.includes("waiting"))
  client.close()
})

test("after 401 the request is repeated with a new token", async () => {
  const env = new FakeEnv()
  let n = 0
  env.serve = r => bearer(r) === "t2" ? answer(201, { id: 1, timestamp: 1 }) : problem(401, "unauthorized")
  const client = new Client("http://parley.test", { env, getToken: () => `t${++n}` })
  assert.equal((await client.channel("general").publish({ text: "a" })).id, 1)
  assert.deepEqual(env.requests.map(bearer), ["t1", "t2"])
  client.close()
})

test("after 4401 the client comes back with a new token", async () => {
  const env = new FakeEnv()
  env.serve = tickets
  let n = 0
  const client = new Client("http://parley.test", { env, getToken: () => `t${++n}` })
  client.channel("general").subscribe(() => {})
  await env.advance(0)
  env.socket.welcome()
  env.socket.end(4401, "unauthorized")
  await env.advance(500)
  assert.equal(env.socket.url.searchParams.get("ticket"), "t-t2")
  assert.equal(client.state.transport, "websocket")
  client.close()
})

test("when new tokens are refused too, the trying stops and says so", async () => {
  const env = new FakeEnv()
  let n = 0
  env.serve = () => problem(401, "unauthorized")
  const client = new Client("http://parley.test", { env, getToken: () => `t${++n}` })
  client.channel("general").subscribe(() => {})
  await env.advance(600_000)
  assert.deepEqual([client.state.status, client.state.error?.code], ["refused", "unauthorized"])
  assert.ok(n <= 4, `${n} tokens were asked for`)
  client.close()
})

test("without a way to a new token the first 401 is final", async () => {
  for (const options of [{ token: "old" }, { user: "alice" }]) {
    const env = new FakeEnv()
    env.serve = () => problem(401, "unauthorized")
    const client = new Client("http://parley.test", { env, transports: ["sse"], ...options })
    client.channel("general").subscribe(() => {})
    await env.advance(600_000)
    assert.equal(client.state.status, "refused")
    assert.equal(env.requests.length, 1)
    client.close()
  }
})

test("getToken: nothing means signed out; a failure is tried again", async () => {
  const env = new FakeEnv()
  env.serve = tickets
  let give: string | null | Error = new Error("no network")
  const getToken = async (): Promise<string | null> => { if (give instanceof Error) throw give; return give }
  const client = new Client("http://parley.test", { env, transports: ["websocket"], getToken })
  client.channel("general").subscribe(() => {})
  await env.advance(0)
  assert.equal(client.state.status, "waiting")
  give = "t1"
  await env.advance(1_000)
  env.socket.welcome()
  assert.equal(client.state.status, "connected")
  give = null
  env.socket.end(4401)
  await env.advance(1_000)
  assert.deepEqual([client.state.status, client.state.error?.code], ["refused", "unauthorized"])
  await assert.rejects(new Client("http://parley.test", { env, getToken }).inbox(), (e: ParleyError) => e.code === "unauthorized" && e.terminal)
  client.close()
})

test("a token without an end, or one that can't be read, plans nothing", async () => {
  const env = new FakeEnv()
  for (const token of ["key_abc", "a.b.c", jwt({ sub: "alice" }), jwt({ sub: "żółw", exp: 1e12 })])
    new Client("http://parley.test", { env, token, getToken: () => token }).close()
  assert.equal(env.timers, 0)
})
