import assert from "node:assert/strict"
import { test } from "node:test"
import { Client, ParleyError, type Channel } from "../src/index.js"
import { answer, FakeEnv, problem, settle } from "./fake.js"

const message = (id: number, more: object = {}): object => ({ type: "message", id, channel: "general", user: "bob", text: `m${id}`, timestamp: id, ...more })
const reset = (reason: string, first_id: number, last_id: number): object => ({ type: "reset", channel: "general", reason, first_id, last_id })

/** A channel on an open WebSocket, and all that it told. */
async function open(after?: number): Promise<{ env: FakeEnv; client: Client; room: Channel; told: string[] }> {
  const env = new FakeEnv()
  const client = new Client("http://parley.test", { env, user: "alice" })
  const room = client.channel("general", { after })
  const told: string[] = []
  room.subscribe(m => told.push(`${m.id}`))
  room.on("changed", c => told.push(`${c.change} ${c.of} at ${c.id}`))
  room.on("reset", r => told.push(`${r.reason} ${r.first_id}-${r.last_id}`))
  for (const name of ["user-joined", "user-left", "typing", "system", "event", "read", "presence"] as const)
    room.on(name, e => told.push(`${name} ${"user" in e ? e.user : "count" in e ? e.count : ""}`))
  await env.advance(0)
  env.socket.welcome({ general: after ?? 10 })
  return { env, client, room, told }
}

test("each entry is told once and in order, whatever comes twice", async () => {
  const { env, client, room, told } = await open()
  assert.equal(room.cursor, 10)
  for (const id of [11, 12, 11, 12, 13]) env.socket.receive(message(id))
  env.socket.receive({ type: "message-changed", id: 14, channel: "general", user: "bob", timestamp: 14, of: 12, change: "edit", message: message(12, { edited: true }) })
  env.socket.receive(message(13))
  env.socket.receive(message(15))
  assert.deepEqual(told, ["11", "12", "13", "edit 12 at 14", "15"])
  client.close()
})

test("events are passed on, unknown frames and frames of other channels ignored", async () => {
  const { env, client, told } = await open()
  for (const frame of [
    { type: "user-joined", user: "bob", channel: "general" }, { type: "typing", user: "bob", channel: "general" },
    { type: "system", text: "bob disconnected", user: "bob", channel: "general" }, { type: "user-left", user: "bob", channel: "general" },
    { type: "event", event: "score", user: "ref", channel: "general", data: {} }, { type: "read", user: "carol", id: 3, channel: "general" },
    { type: "presence", channel: "general", count: 7 },
    { type: "hologram", user: "bob", channel: "general" }, { type: "typing", user: "bob", channel: "other" }, { type: "history", messages: [], channel: "general" },
  ]) env.socket.receive(frame)
  assert.deepEqual(told, ["user-joined bob", "typing bob", "system bob", "user-left bob", "event ref", "read carol", "presence 7"])
  client.close()
})

test("a reset is told before what follows, and moves the cursor", async () => {
  const { env, client, room, told } = await open(3)
  env.socket.receive(reset("expired", 7, 9))
  env.socket.receive(message(7))
  env.socket.receive(message(8))
  env.socket.receive(reset("expired", 7, 9)) // again: it is past that
  assert.equal(room.cursor, 8)
  env.socket.receive(reset("ahead", 1, 2))
  assert.equal(room.cursor, 2)
  env.socket.receive(message(3))
  assert.deepEqual(told, ["expired 7-9", "7", "8", "ahead 1-2", "3"])
  client.close()
})

test("after a reset the cursor is of the epoch that was welcomed", async () => {
  const { env, client } = await open(5)
  env.socket.end()
  await env.advance(500)
  assert.equal(env.socket.of("subscribe").length, 0)
  env.socket.open()
  assert.equal(env.socket.of("subscribe")[0]!["epoch"], "e1")
  env.socket.receive({ type: "welcome", channel: "general", cursor: 2, first_id: 1, last_id: 2, epoch: "e2", resumed: false })
  env.socket.receive(reset("epoch", 1, 2))
  env.socket.end()
  await env.advance(1_000)
  env.socket.open()
  assert.deepEqual([env.socket.of("subscribe")[0]!["after"], env.socket.of("subscribe")[0]!["epoch"]], [2, "e2"])
  env.socket.receive(reset("epoch", 1, 1)) // in mid-stream: the next welcome will name it
  env.socket.end()
  await env.advance(2_000)
  env.socket.open()
  assert.deepEqual([env.socket.of("subscribe")[0]!["after"], env.socket.of("subscribe")[0]!["epoch"]], [1, undefined])
  client.close()
})

test("what a stream leaves out is asked for", async () => {
  const { env, client, told } = await open()
  env.serve = r => answer(200, { messages: [11, 12, 13].filter(id => id > Number(r.query.get("after"))).map(id => message(id)), last_id: 13, epoch: "e1" })
  env.socket.receive(message(13))
  env.socket.receive(message(12))
  assert.deepEqual(told, [])
  await settle()
  assert.deepEqual(told, ["11", "12", "13"])
  env.socket.receive({ type: "more", channel: "general" })
  await settle()
  assert.equal(env.requests.at(-1)!.query.get("after"), "13")
  client.close()
})

test("what can't be had is announced, never skipped in silence", async () => {
  const { env, client, told } = await open()
  env.serve = r => answer(200, { messages: Number(r.query.get("after")) < 13 ? [message(13)] : [], last_id: 13, epoch: "e1" })
  env.socket.receive(message(13))
  await settle()
  assert.deepEqual(told, ["gap 13-13", "13"])
  client.close()
})

test("asking for what was left out goes on until it is there", async () => {
  const { env, client, told } = await open()
  env.socket.receive(message(12))
  await settle()
  env.serve = () => answer(200, { messages: [], last_id: 10, epoch: "e1" })
  await env.advance(1_000)
  env.serve = () => answer(200, { messages: [message(11), message(12)], last_id: 12, epoch: "e1" })
  await env.advance(1_000)
  assert.deepEqual(told, ["11", "12"])
  client.close()
})

test("a reset ends the asking for what was of before it, and its answer is not taken", async () => {
  const { env, client, room, told } = await open()
  let late!: () => void
  env.serve = () => new Promise(resolve => late = () => resolve(answer(200, { messages: [message(1)], last_id: 1, epoch: "e2", reset: reset("epoch", 1, 0) })))
  env.socket.receive(message(13)) // leaves out 11 and 12
  await settle()
  env.socket.receive(reset("ahead", 1, 3))
  env.socket.receive(message(4))
  env.serve = () => answer(200, { messages: [], last_id: 4, epoch: "e2" })
  late()
  await env.advance(10_000)
  assert.deepEqual([told, room.cursor], [["ahead 1-3", "4"], 4])
  assert.equal(env.requests.length, 2)
  client.close()
})

test("a listener that throws does not keep others from hearing", async t => {
  const { env, client, room, told } = await open()
  const thrown: (() => void)[] = []
  t.mock.method(globalThis, "queueMicrotask", (f: () => void) => thrown.push(f))
  const off = room.on("typing", () => { throw new Error("mine") })
  room.on("typing", () => told.push("other"))
  env.socket.receive({ type: "typing", user: "bob", channel: "general" })
  assert.throws(thrown[0]!, { message: "mine" }) // as nobody caught it
  assert.deepEqual(told, ["typing bob", "other"])
  off()
  client.close()
})

test("the iterator gives what came since it was made, and ends with the client", async () => {
  const { env, client, room } = await open()
  const all = room.messages()
  env.socket.receive(message(11))
  const got: number[] = []
  const done = (async () => { for await (const m of all) got.push(m.id) })()
  await settle()
  env.socket.receive(message(12))
  await settle()
  client.close()
  await done
  assert.deepEqual(got, [11, 12])
})

test("the iterator throws when the server refuses", async () => {
  const { env, client, room } = await open()
  const next = room.messages().next()
  env.socket.receive({ type: "forbidden", channel: "general", code: "forbidden", detail: "you are banned" })
  await assert.rejects(next, (e: ParleyError) => e.code === "forbidden" && e.terminal)
  client.close()
})

test("history hands its end over as cursor to a channel that has none", async () => {
  const env = new FakeEnv()
  env.serve = r => answer(200, r.query.has("before") ? [message(3)] : [message(4), { type: "message-changed", id: 5, of: 4 }, message(6)], { "Parley-Last-Id": "6", "Parley-Epoch": "e1" })
  const client = new Client("http://parley.test", { env })
  const room = client.channel("general")
  const page = await room.history({ limit: 2 })
  assert.deepEqual([page.messages.map(m => m.id), page.before, page.more, page.last], [[4, 6], 4, true, 6])
  assert.equal(env.requests[0]!.query.toString(), "channel_id=general&limit=2")
  room.subscribe(() => {})
  await env.advance(0)
  env.socket.open()
  assert.deepEqual([env.socket.of("subscribe")[0]!["after"], env.socket.of("subscribe")[0]!["epoch"]], [6, "e1"])
  await room.history({ before: 4 })
  assert.equal(env.requests[1]!.query.toString(), "channel_id=general&before=4&limit=50")
  assert.equal(room.cursor, 6)
  client.close()
})

test("a thread is a message and its replies", async () => {
  const env = new FakeEnv()
  env.serve = () => answer(200, [{ ...message(4), replies: 1 }, { ...message(6), thread: 4 }])
  const client = new Client("http://parley.test", { env })
  const room = client.channel("general")
  const [first, reply] = await room.thread(4)
  assert.deepEqual([first!.replies, reply!.thread, room.cursor], [1, 4, undefined])
  await room.thread(4, { after: 6, limit: 10 })
  assert.deepEqual(env.requests.map(r => r.query.toString()), ["channel_id=general&thread=4&after=0&limit=1000", "channel_id=general&thread=4&after=6&limit=10"])
  client.close()
})

test("what can be done in a channel is asked as the contract says", async () => {
  const env = new FakeEnv()
  env.serve = r => r.path.endsWith("/read") ? answer(200, { read_id: 9, unread: 2 }) : answer(204)
  const client = new Client("http://parley.test", { env, user: "alice" })
  const room = client.channel("team:a")
  await room.edit(7, { text: "new" })
  await room.delete(7)
  await room.react(7, "👍")
  await room.react(7, "👍", false)
  await room.presence()
  await room.event("score", { home: 1 })
  assert.equal(await room.markRead(9), 2)
  assert.equal(await room.markRead(8), undefined)
  await client.inbox({ next: "x" })
  await client.request("PUT", "/api/channels/team:a/mute", { muted: true })
  await client.request("GET", "/api/channels/team:a/members?limit=5")
  room.typing()
  await settle()
  const base = "/api/messages/team%3Aa/7", about = "/api/channels/team%3Aa"
  assert.deepEqual(env.requests.map(r => [r.method, r.path, r.body]), [
    ["PATCH", base, { text: "new" }], ["DELETE", base, undefined],
    ["PUT", `${base}/reactions/%F0%9F%91%8D`, undefined], ["DELETE", `${base}/reactions/%F0%9F%91%8D`, undefined],
    ["GET", `${about}/presence`, undefined], ["POST", `${about}/events`, { type: "event", channel: "team:a", event: "score", data: { home: 1 } }],
    ["POST", `${about}/read`, { id: 9 }], ["GET", "/api/channels", undefined], ["PUT", "/api/channels/team:a/mute", { muted: true }],
    ["GET", "/api/channels/team:a/members", undefined], ["POST", `${about}/typing`, { type: "typing", channel: "team:a" }],
  ])
  assert.equal(env.requests.at(-2)!.query.get("limit"), "5")
  assert.ok(env.requests.every(r => r.query.get("user") === "alice"))
  client.close()
})

test("a read pointer that could not be moved can be tried again", async () => {
  const env = new FakeEnv()
  const client = new Client("http://parley.test", { env })
  const room = client.channel("general")
  env.serve = () => problem(503, "unavailable")
  await assert.rejects(room.markRead(4), (e: ParleyError) => e.code === "unavailable" && !e.terminal && e.body.hint === "do better")
  env.serve = () => answer(200, { unread: 0 })
  assert.equal(await room.markRead(4), 0)
  client.close()
})

test("typing is told at most every two seconds, events over the open WebSocket", async () => {
  const { env, client, room } = await open()
  room.typing()
  room.typing()
  await env.advance(2_000)
  room.typing()
  await room.event("cursor", { x: 1 })
  assert.deepEqual(env.socket.of("typing"), Array(2).fill({ type: "typing", channel: "general" }))
  assert.deepEqual(env.socket.of("event"), [{ type: "event", channel: "general", event: "cursor", data: { x: 1 } }])
  client.close()
})

test("the user's own channel carries unread counts and memberships", async () => {
  const env = new FakeEnv()
  const client = new Client("http://parley.test", { env, user: "alice" })
  const own = client.notifications()
  assert.equal(own.name, "@alice")
  const told: string[] = []
  own.on("unread", u => told.push(`${u.channel} ${u.unread} of ${u.total}`))
  own.on("member-added", m => told.push(`in ${m.channel}`))
  client.channel("general").on("unread", () => told.push("wrong channel"))
  await env.advance(0)
  env.socket.welcome()
  env.socket.receive({ type: "unread", channel: "general", unread: 3, mentions: 1, total: 5 })
  env.socket.receive({ type: "member-added", channel: "team" })
  assert.deepEqual(told, ["general 3 of 5", "in team"])
  client.close()
  assert.throws(() => new Client("http://parley.test", { env }).notifications(), ParleyError)
})

test("a channel is one object, and an after that comes late changes nothing", () => {
  const client = new Client("http://parley.test", { env: new FakeEnv() })
  const room = client.channel("general", { after: 4 })
  assert.equal(client.channel("general", { after: 9 }), room)
  assert.equal(room.cursor, 4)
  client.close()
})

test("history that was asked for before a subscription, and is answered after it, leaves no gap either", async () => {
  const env = new FakeEnv()
  const answers: ((a: ReturnType<typeof answer>) => void)[] = []
  env.serve = () => new Promise(resolve => answers.push(resolve))
  const client = new Client("http://parley.test", { env })
  const room = client.channel("general")
  const ids: number[] = []
  room.subscribe(m => ids.push(m.id))
  await env.advance(0)
  const page = room.history()
  await settle()
  env.socket.welcome({ general: 6 })
  answers[0]!(answer(200, [message(1)], { "Parley-Last-Id": "1", "Parley-Epoch": "e1" }))
  await settle()
  answers[1]!(answer(200, [1, 2, 3, 4, 5, 6].map(id => message(id)), { "Parley-Last-Id": "6", "Parley-Epoch": "e1" }))
  env.socket.receive(message(7))
  assert.deepEqual([(await page).messages.map(m => m.id), ids], [[1, 2, 3, 4, 5, 6], [7]])
  client.close()
})

test("a page of history counts messages, not entries", async () => {
  const env = new FakeEnv()
  const log: object[] = [message(1), message(2), message(3)]
  for (let id = 4; id <= 63; id++) log.push({ type: "message-changed", id, of: 3, change: "reaction", message: message(3) })
  env.serve = r => answer(200, log.slice(0, Number(r.query.get("before") ?? 64) - 1).slice(-Number(r.query.get("limit"))), { "Parley-Last-Id": "63" })
  const client = new Client("http://parley.test", { env })
  const room = client.channel("general")
  const page = await room.history({ limit: 2 })
  assert.deepEqual([page.messages.map(m => m.id), page.before, page.more, page.last], [[2, 3], 2, true, 63])
  const older = await room.history({ before: page.before, limit: 2 })
  assert.deepEqual([older.messages.map(m => m.id), older.more], [[1], false])
  assert.ok(env.requests.length <= 4, `${env.requests.length} requests`)
  client.close()
})

test("history ends where nothing older is kept, also if the pages are shorter than was asked for", async () => {
  const env = new FakeEnv()
  env.serve = r => answer(200, Number(r.query.get("before") ?? 99) > 40 ? [message(40), message(41)].filter(m => (m as { id: number }).id < Number(r.query.get("before") ?? 99)) : [], { "Parley-Last-Id": "41" })
  const client = new Client("http://parley.test", { env })
  const page = await client.channel("general").history()
  assert.deepEqual([page.messages.map(m => m.id), page.more], [[40, 41], false])
  client.close()
})

for (const begun of [false, true]) {
  test(`return ends the iterator at once, ${begun ? "while next waits" : "before the first next"}, and the channel is no longer followed`, async () => {
    const env = new FakeEnv()
    const client = new Client("http://parley.test", { env })
    const it = client.channel("general").messages()
    const next = begun ? it.next() : undefined
    await env.advance(0)
    env.socket.welcome()
    assert.equal((await it.return()).done, true)
    assert.equal((await next)?.done, begun ? true : undefined)
    assert.equal((await it.next()).done, true)
    await env.advance(0)
    assert.equal(client.state.status, "idle")
    client.close()
  })
}

test("history that ends before a subscription begins leaves no gap between them", async () => {
  const env = new FakeEnv()
  env.serve = r => r.path === "/api/messages" ? answer(200, r.query.has("before") ? [] : [message(4)], { "Parley-Last-Id": "4", "Parley-Epoch": "e1" })
    : answer(200, { messages: [5, 6].filter(id => id > Number(r.query.get("after"))).map(id => message(id)), last_id: 6, epoch: "e1" })
  const client = new Client("http://parley.test", { env })
  const room = client.channel("general")
  const ids: number[] = []
  room.subscribe(m => ids.push(m.id))
  await env.advance(0)
  env.socket.open() // subscribes from the head, whatever that will be
  const page = await room.history()
  env.socket.welcome({ general: 6 })
  await settle()
  env.socket.receive(message(7))
  assert.deepEqual([page.messages.map(m => m.id), ids], [[4], [5, 6, 7]])
  client.close()
})
