import assert from "node:assert/strict"
import { test } from "node:test"
import { Client } from "../src/index.js"
import { Browser } from "./browser.js"
import { answer, type FakeEnv, settle } from "./fake.js"

const message = (id: number): object => ({ type: "message", id, channel: "general", user: "bob", text: `m${id}`, timestamp: id })

function open(env: FakeEnv): { client: Client; ids: number[] } {
  const client = new Client("http://parley.test", { env, user: "alice", shareTabs: true })
  const ids: number[] = []
  client.channel("general").subscribe(m => ids.push(m.id))
  return { client, ids }
}

test("tabs share the connection of one of them", async () => {
  const browser = new Browser()
  const [a, b, c] = [browser.tab("a"), browser.tab("b"), browser.tab("c")]
  const one = open(a)
  await a.advance(0)
  a.socket.welcome({ general: 5 })
  const two = open(b), three = open(c)
  await b.advance(0)
  await c.advance(0)
  assert.deepEqual([one.client.state.leader, two.client.state.leader, three.client.state.leader], [true, false, false])
  assert.deepEqual([two.client.state.status, two.client.state.transport], ["connected", "websocket"])
  assert.equal(two.client.channel("general").cursor, 5)
  a.socket.receive(message(6))
  await settle()
  assert.deepEqual([one.ids, two.ids, three.ids], [[6], [6], [6]])
  assert.deepEqual([a.sockets.length, b.sockets.length, c.sockets.length], [1, 0, 0])
  for (const { client } of [one, two, three]) client.close()
})

test("the leader follows what the others want, and no longer when they leave", async () => {
  const browser = new Browser()
  const a = browser.tab("a"), b = browser.tab("b")
  const one = open(a)
  await a.advance(0)
  a.socket.welcome()
  const two = open(b)
  const got: number[] = []
  two.client.channel("random").subscribe(m => got.push(m.id))
  await b.advance(0)
  await a.advance(0)
  assert.deepEqual(a.socket.of("subscribe").map(f => f["channel"]), ["general", "random"])
  a.socket.receive({ type: "welcome", channel: "random", cursor: 3, last_id: 3, epoch: "e1" })
  a.socket.receive({ ...message(4), channel: "random" })
  await settle()
  assert.deepEqual(got, [4])
  two.client.channel("random").typing()
  await settle()
  assert.deepEqual(a.socket.of("typing"), [{ type: "typing", channel: "random" }])
  b.sign("pagehide")
  await settle()
  await a.advance(0)
  assert.deepEqual(a.socket.of("unsubscribe").map(f => f["channel"]), ["random"])
  one.client.close()
  two.client.close()
})

test("a tab that publishes without leading does so by POST, and knows its message when it comes by", async () => {
  const browser = new Browser()
  const a = browser.tab("a"), b = browser.tab("b")
  const one = open(a)
  await a.advance(0)
  a.socket.welcome()
  const two = open(b)
  await b.advance(0)
  b.serve = () => null // the answer does not come
  const sent = two.client.channel("general").publish({ text: "hi" })
  await settle()
  assert.equal(b.asked("/api/messages", "POST").length, 1)
  a.socket.receive({ ...message(1), user: "alice", key: "b2" })
  assert.equal((await sent).id, 1)
  one.client.close()
  two.client.close()
})

test("when the leader goes another takes over where it was, and nobody misses anything", async () => {
  const browser = new Browser()
  const [a, b, c] = [browser.tab("a"), browser.tab("b"), browser.tab("c")]
  const one = open(a)
  await a.advance(0)
  a.socket.welcome({ general: 5 })
  const two = open(b), three = open(c)
  await b.advance(0)
  await c.advance(0)
  a.socket.receive(message(6))
  await settle()
  one.client.close()
  await b.advance(0)
  await c.advance(0)
  assert.equal(two.client.state.leader, true)
  assert.equal(b.socket.url.pathname, "/ws")
  b.socket.welcome()
  assert.equal(b.socket.of("subscribe")[0]!["after"], 6)
  b.socket.receive(message(7))
  b.socket.receive(message(8))
  await settle()
  assert.deepEqual([two.ids, three.ids], [[6, 7, 8], [6, 7, 8]])
  assert.equal(c.sockets.length, 0)
  two.client.close()
  three.client.close()
})

test("a tab whose cursor is behind the leader's asks for what lies between", async () => {
  const browser = new Browser()
  const a = browser.tab("a"), b = browser.tab("b")
  const one = open(a)
  await a.advance(0)
  a.socket.welcome({ general: 5 })
  b.serve = r => answer(200, { messages: [3, 4, 5, 6].filter(id => id > Number(r.query.get("after"))).map(message), last_id: 6, epoch: "e1" })
  const client = new Client("http://parley.test", { env: b, user: "alice", shareTabs: true })
  const ids: number[] = []
  client.channel("general", { after: 2 }).subscribe(m => ids.push(m.id))
  await b.advance(0)
  a.socket.receive(message(6)) // in the midst of it
  await settle()
  a.socket.receive(message(7))
  await settle()
  assert.deepEqual(ids, [3, 4, 5, 6, 7])
  client.close()
  one.client.close()
})

test("a frozen leader loses its place to a tab that is looked at, and follows when it wakes", async () => {
  const browser = new Browser()
  const a = browser.tab("a"), b = browser.tab("b")
  const one = open(a)
  await a.advance(0)
  a.socket.welcome({ general: 5 })
  a.frozen = true
  b.seen = false
  const two = open(b)
  await b.advance(60_000)
  assert.equal(b.sockets.length, 0) // nobody looks
  b.seen = true
  b.sign("visible")
  await b.advance(30_000)
  assert.equal(two.client.state.leader, true)
  assert.equal(b.sockets.length > 0, true)
  a.frozen = false
  await settle()
  assert.equal(one.client.state.leader, false)
  assert.equal(a.socket.closed, true)
  one.client.close()
  two.client.close()
})

test("the others hear how the leader's connection fares, also why it ended", async () => {
  const browser = new Browser()
  const a = browser.tab("a"), b = browser.tab("b")
  const one = open(a)
  await a.advance(0)
  a.socket.welcome()
  const two = open(b)
  await b.advance(0)
  a.socket.receive({ type: "draining", retry_after_ms: 3_000 })
  a.socket.end(1012)
  await settle()
  const { status, retryAt, error } = two.client.state
  assert.deepEqual([status, retryAt, error?.code, error instanceof Error], ["waiting", a.time + 3_000, "draining", true])
  b.sign("online") // is not for this tab to act on
  await b.advance(0)
  void two.client.channel("general").publish({ text: "later" })
  assert.equal(b.requests.length, 0)
  await a.advance(3_000)
  a.socket.welcome()
  await settle()
  assert.equal(two.client.state.status, "connected")
  await settle()
  assert.equal(b.asked("/api/messages", "POST").length, 1)
  one.client.close()
  two.client.close()
})

test("tabs of different users share nothing, and without locks each tab has its own connection", async () => {
  const browser = new Browser()
  const [a, b, c] = [browser.tab("a"), browser.tab("b"), browser.tab("c")]
  c.locks = undefined
  const one = open(a)
  await a.advance(0)
  a.socket.welcome()
  const two = open(c)
  await c.advance(0)
  assert.equal(c.sockets.length, 1)
  assert.equal(two.client.state.leader, undefined)
  const other = new Client("http://parley.test", { env: b, user: "bob", shareTabs: true })
  other.channel("general").subscribe(() => {})
  await b.advance(0)
  b.socket.open()
  a.socket.receive(message(1))
  await settle()
  assert.equal(other.channel("general").cursor, undefined)
  for (const { client } of [one, two, { client: other }]) client.close()
})

const visibility = (env: FakeEnv): unknown[] => env.sockets.flatMap(s => s.of("visibility")).map(f => f["state"])

/** Shows or hides a tab. */
async function look(env: FakeEnv, what: "visible" | "hidden"): Promise<void> {
  env.seen = what === "visible"
  env.sign(what)
  await settle()
}

test("the connection says hidden only when all tabs are hidden, visible when any is visible", async () => {
  const browser = new Browser()
  const [a, b, c] = [browser.tab("a"), browser.tab("b"), browser.tab("c")]
  const one = open(a)
  await a.advance(0)
  a.socket.welcome()
  const two = open(b), three = open(c)
  await b.advance(0)
  await c.advance(0)
  await look(a, "hidden")
  await look(b, "hidden")
  assert.deepEqual(visibility(a), [])
  await look(c, "hidden")
  assert.deepEqual(visibility(a), ["hidden"])
  await look(b, "visible")
  assert.deepEqual(visibility(a), ["hidden", "visible"])
  await look(a, "visible")
  await look(b, "hidden")
  assert.deepEqual(visibility(a), ["hidden", "visible"])
  await look(a, "hidden")
  assert.deepEqual(visibility(a), ["hidden", "visible", "hidden"])
  for (const { client } of [one, two, three]) client.close()
})

test("a tab that is opened hidden hides no other, and one that is looked at shows a hidden connection", async () => {
  const browser = new Browser()
  const [a, b, c] = [browser.tab("a"), browser.tab("b"), browser.tab("c")]
  a.seen = b.seen = false
  const one = open(a)
  await a.advance(0)
  a.socket.welcome()
  assert.deepEqual(visibility(a), ["hidden"])
  const two = open(b)
  await b.advance(0)
  const three = open(c)
  await c.advance(0)
  assert.deepEqual(visibility(a), ["hidden", "visible"])
  for (const { client } of [one, two, three]) client.close()
})

for (const [how, end] of [
  ["closes", (_: Browser, { client }: ReturnType<typeof open>): void => client.close()],
  ["goes away", (_: Browser, __: unknown, env: FakeEnv): void => env.sign("pagehide")],
  ["crashes", (browser: Browser, _: unknown, env: ReturnType<Browser["tab"]>): void => browser.crash(env)],
] as const) test(`a visible tab that ${how} no longer counts, nor what it wanted`, async () => {
  const browser = new Browser()
  const a = browser.tab("a"), b = browser.tab("b")
  const one = open(a)
  await a.advance(0)
  a.socket.welcome()
  const two = open(b)
  two.client.channel("random").subscribe(() => {})
  await b.advance(0)
  await a.advance(0)
  await look(a, "hidden")
  assert.deepEqual(visibility(a), [])
  end(browser, two, b)
  await settle()
  await a.advance(0)
  assert.deepEqual(visibility(a), ["hidden"])
  assert.deepEqual(a.socket.of("unsubscribe").map(f => f["channel"]), ["random"])
  one.client.close()
  two.client.close()
})

test("a page that comes back from where it went counts again", async () => {
  const browser = new Browser()
  const a = browser.tab("a"), b = browser.tab("b")
  const one = open(a)
  await a.advance(0)
  a.socket.welcome()
  const two = open(b)
  await b.advance(0)
  await look(a, "hidden")
  b.sign("pagehide")
  await settle()
  b.sign("pageshow")
  await settle()
  assert.deepEqual(visibility(a), ["hidden", "visible"])
  browser.crash(b)
  await settle()
  assert.deepEqual(visibility(a), ["hidden", "visible", "hidden"])
  one.client.close()
  two.client.close()
})

for (const how of ["closes", "crashes"]) test(`when the leader ${how} the next connection says what is so`, async () => {
  const browser = new Browser()
  const [a, b, c] = [browser.tab("a"), browser.tab("b"), browser.tab("c")]
  const one = open(a)
  await a.advance(0)
  a.socket.welcome()
  b.seen = c.seen = false
  const two = open(b), three = open(c)
  await b.advance(0)
  await c.advance(0)
  how === "closes" ? one.client.close() : browser.crash(a)
  await b.advance(0)
  await c.advance(0)
  assert.equal(two.client.state.leader, true)
  b.socket.welcome()
  assert.deepEqual(visibility(b), ["hidden"])
  await look(c, "visible")
  assert.deepEqual(visibility(b), ["hidden", "visible"])
  b.socket.end()
  await b.advance(1_000)
  b.socket.welcome()
  await look(c, "hidden")
  assert.deepEqual(visibility(b), ["hidden", "visible", "hidden"])
  one.client.close()
  two.client.close()
  three.client.close()
})
