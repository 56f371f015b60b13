import assert from "node:assert/strict"
import { test } from "node:test"
import { Client } from "../src/index.js"
import { Browser } from "./browser.js"
import { answer, Body, FakeEnv, settle } from "./fake.js"
import { message } from "./follow.js"

test("a position survives as JSON, and the channel goes on from it", async () => {
  const env = new FakeEnv()
  const client = new Client("http://parley.test", { env, user: "alice" })
  const room = client.channel("general")
  assert.deepEqual(JSON.parse(JSON.stringify(room.position)), {})
  const at: unknown[] = []
  room.subscribe(() => at.push(room.position))
  await env.advance(0)
  env.socket.welcome({ general: 3 })
  env.socket.receive(message(4))
  assert.deepEqual(at, [{ after: 4, epoch: "e1" }]) // a listener sees the position after its message
  const kept = JSON.stringify(room.position)
  client.close()

  for (const pass of ["channel", "subscribe"] as const) {
    const next = new FakeEnv()
    const again = new Client("http://parley.test", { env: next, user: "alice" })
    if (pass === "channel") again.channel("general", JSON.parse(kept)).subscribe(() => {})
    else again.channel("general").subscribe(() => {}, JSON.parse(kept))
    await next.advance(0)
    next.socket.open()
    const [asked] = next.socket.of("subscribe")
    assert.deepEqual([asked!["after"], asked!["epoch"]], [4, "e1"], pass)
    again.channel("general").subscribe(() => {}, { after: 1 }) // it is followed already
    assert.equal(again.channel("general").position.after, 4)
    again.close()
  }
})

test("without a WebSocket typing and events are posted", async () => {
  const env = new FakeEnv()
  env.serve = r => {
    if (r.method === "POST") return answer(202)
    const body = new Body(r.signal)
    body.event({ type: "welcome", channel: "team:a", cursor: 0, last_id: 0, epoch: "e1" } as never)
    return body.answer()
  }
  const client = new Client("http://parley.test", { env, user: "alice", transports: ["sse"] })
  const room = client.channel("team:a")
  room.subscribe(() => {})
  await env.advance(2_000)
  room.typing()
  room.typing()
  await room.event("score", { home: 1 })
  await settle()
  const posts = env.requests.filter(r => r.method === "POST")
  assert.deepEqual(posts.map(r => [r.path, r.body]), [
    ["/api/channels/team%3Aa/typing", { type: "typing", channel: "team:a" }],
    ["/api/channels/team%3Aa/events", { type: "event", channel: "team:a", event: "score", data: { home: 1 } }],
  ])
  assert.ok(posts.every(r => r.query.get("user") === "alice"))
  env.serve = () => { throw new Error("no network") }
  await env.advance(2_000)
  room.typing() // nobody hears that it failed
  await settle()
  client.close()
})

test("a tab tells the others through a leader whose connection takes no frames", async () => {
  const browser = new Browser()
  const a = browser.tab("a"), b = browser.tab("b")
  a.serve = r => {
    if (r.method === "POST") return answer(202)
    const body = new Body(r.signal)
    body.event({ type: "welcome", channel: "general", cursor: 0, last_id: 0, epoch: "e1" } as never)
    return body.answer()
  }
  const open = (env: FakeEnv): Client => new Client("http://parley.test", { env, user: "alice", shareTabs: true, transports: ["sse"] })
  const one = open(a)
  one.channel("general").subscribe(() => {})
  await a.advance(0)
  const two = open(b)
  const room = two.channel("general")
  room.subscribe(() => {})
  await b.advance(0)
  await settle()
  room.typing()
  await room.event("score", { home: 1 })
  await settle()
  assert.deepEqual(a.requests.filter(r => r.method === "POST").map(r => r.path), ["/api/channels/general/typing", "/api/channels/general/events"])
  assert.equal(b.requests.filter(r => r.method === "POST").length, 0)
  one.close()
  two.close()
})

test("a part of env is enough: the rest is the host's", async () => {
  const sockets: string[] = []
  class Socket {
    onopen: ((event: object) => void) | null = null
    onmessage: ((event: { data: unknown }) => void) | null = null
    onclose: ((event: { code: number; reason: string }) => void) | null = null
    onerror: ((event: object) => void) | null = null
    constructor(url: string | URL) { sockets.push(String(url)) }
    send(): void {}
    close(): void {}
  }
  const client = new Client("http://127.0.0.1:9", { user: "alice", env: { WebSocket: Socket } })
  client.channel("general").subscribe(() => {})
  while (!sockets.length) await settle(1)
  assert.deepEqual(sockets, ["ws://127.0.0.1:9/ws?user=alice"])
  client.close()
})
