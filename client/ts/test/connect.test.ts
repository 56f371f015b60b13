import assert from "node:assert/strict"
import { test } from "node:test"
import { Client } from "../src/index.js"
import { answer, Body, FakeEnv, settle } from "./fake.js"
import { follow, held, message } from "./follow.js"

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

test("what the client makes is a Client", () => {
  const client = new Client("http://parley.test", { env: new FakeEnv() })
  assert.ok(client instanceof Client)
  assert.equal(client instanceof Map, false)
  client.close()
})
