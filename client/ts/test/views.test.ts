import assert from "node:assert/strict"
import { test } from "node:test"
import { Client, type Message, type MessageChanged } from "../src/index.js"
import { MessageView, PresenceView, ReactionView, UnreadView } from "../src/views.js"
import { answer, FakeEnv, seeded, settle } from "./fake.js"
import { message } from "./follow.js"

const edit = (id: number, of: number, text: string): MessageChanged =>
  ({ type: "message-changed", id, channel: "general", user: "bob", timestamp: id, of, change: "edit", message: { ...message(of), text, edited: true } })
const removal = (id: number, of: number): MessageChanged => {
  const { text: _, ...rest } = message(of)
  return { type: "message-changed", id, channel: "general", user: "bob", timestamp: id, of, change: "delete", message: { ...rest, deleted: true } }
}
const page = (last: number, ...messages: Message[]): { messages: Message[]; last: number; before: number; more: boolean } => ({ messages, last, before: 0, more: false })

test("a page that comes after live events does not undo them", () => {
  const view = new MessageView()
  const take = view.asking()
  view.add(message(3))
  view.change(edit(4, 3, "new"))
  view.change(edit(5, 1, "new too")) // not there yet
  view.change(removal(6, 2))
  assert.equal(take(page(3, message(1), message(2), message(3))), true)
  assert.deepEqual(view.messages.map(m => [m.id, m.text, !!m.deleted]), [[1, "new too", false], [2, undefined, true], [3, "new", false]])
})

test("a page that is newer than a replayed change wins, and what was deleted stays deleted", () => {
  const view = new MessageView()
  view.asking()(page(9, { ...message(1), text: "third" }))
  view.change(edit(5, 1, "second"))
  assert.equal(view.get(1)!.text, "third")
  view.change(removal(10, 1))
  view.asking()(page(12, message(1)))
  view.change(edit(13, 1, "again"))
  assert.deepEqual([view.get(1)!.deleted, view.get(1)!.text], [true, undefined])
})

test("what was asked before a reset is of no use after it", () => {
  const view = new MessageView()
  const take = view.asking()
  view.clear()
  assert.equal(take(page(3, message(1))), false)
  assert.deepEqual(view.messages, [])
})

test("changes of messages that never come are not kept without end", () => {
  const view = new MessageView()
  for (let id = 1; id <= 3_000; id++) view.change(edit(10_000 + id, id, "x"))
  view.asking()(page(1, ...Array.from({ length: 3_000 }, (_, i) => message(i + 1))))
  assert.equal(view.messages.filter(m => m.edited).length, 1_000)
})

test("who came and went while the presence was asked for is not overlooked, and only the latest answer counts", () => {
  const view = new PresenceView()
  const old = view.asking()
  const take = view.asking()
  view.joined("carol")
  view.left("bob")
  assert.equal(take({ count: 2, users: [{ user: "alice", since: 1, transports: [] }, { user: "bob", since: 1, transports: [] }] }), true)
  assert.equal(old({ count: 9, users: [] }), false)
  assert.deepEqual([view.count, [...view.users].sort()], [2, ["alice", "carol"]])
  const third = view.asking()
  view.moved({ joined: ["dave"], left: ["alice"], count: 150 })
  view.moved({ count: 151 })
  third({ count: 140, users: [{ user: "alice", since: 1, transports: [] }] })
  assert.deepEqual([view.count, view.users], [151, ["dave"]])
})

test("a count below the names that are known tells of a leaving that was missed", () => {
  const view = new PresenceView()
  view.asking()({ count: 2, users: [{ user: "alice", since: 1, transports: [] }, { user: "bob", since: 1, transports: [] }] })
  assert.equal(view.moved({ joined: ["alice", "carol"], left: [], count: 3 }), false)
  assert.equal(view.moved({ joined: ["alice", "carol"], left: [], count: 2 }), true)
})

test("a count that an event told while the inbox was read does not go back", () => {
  const view = new UnreadView()
  const take = view.asking()
  view.told({ channel: "a", unread: 3, mentions: 1, total: 5 })
  view.told({ channel: "b", unread: 2, mentions: 0, total: 5 })
  view.removed({ channel: "c" })
  take([{ channel: "a", unread: 1 }, { channel: "c", unread: 7 }])
  assert.deepEqual(view.channels, { a: { unread: 3, mentions: 1 }, b: { unread: 2, mentions: 0 } })
  assert.equal(view.total, 5)
})

test("whether the user is the 23rd who reacted is asked once and remembered, until they react again", async () => {
  const asked: string[] = []
  let mine = true, changes = 0
  const view = new ReactionView(async (_, path) => (asked.push(path), { count: 25, mine, users: [] }), { name: "general" }, () => changes++)
  const m = { ...message(7), reactions: { "👍": { count: 25, users: Array.from({ length: 20 }, (_, i) => `u${i}`) }, "🎉": { count: 1, users: ["bob"] } } }
  for (let i = 0; i < 3; i++) assert.equal(view.mine(m, "👍", "alice"), false)
  assert.equal(view.mine(m, "👍", "u3"), true)
  assert.equal(view.mine(m, "🎉", "alice"), false)
  assert.equal(view.mine(m, "🐟", "alice"), false)
  await settle()
  assert.equal(view.mine(m, "👍", "alice"), true)
  assert.deepEqual(asked, ["/api/messages/general/7/reactions/%F0%9F%91%8D?limit=1"])
  view.reacted(7, "👍", false)
  assert.equal(view.mine(m, "👍", "alice"), false)
  mine = false
  view.reacted(7)
  view.mine(m, "👍", "alice")
  await settle()
  assert.deepEqual([asked.length, changes, view.mine(m, "👍", "alice")], [2, 1, false])
})

test("a question that failed is asked again with the next connection, and not at each look", async () => {
  let asked = 0
  const view = new ReactionView(async () => { asked++; throw new Error("no network") }, { name: "general" }, () => {})
  const m = { ...message(7), reactions: { x: { count: 30, users: ["bob"] } } }
  for (let i = 0; i < 5; i++) {
    view.mine(m, "x", "alice")
    await settle()
  }
  assert.equal(asked, 1)
  view.again()
  view.mine(m, "x", "alice")
  assert.equal(asked, 2)
})

// A random world: a log that grows, answers that come late, connections that break, users who
// change, clocks that jump. When all is quiet the views show what the log says.

interface World { log: Message[]; entries: (Message | MessageChanged)[]; people: Set<string>; unread: Map<string, number> }

async function run(seed: number): Promise<void> {
  const random = seeded(seed)
  const pick = (n: number): number => Math.floor(random() * n)
  const env = new FakeEnv({ seed })
  const w: World = { log: [], entries: [], people: new Set(["zoe"]), unread: new Map([["a", 0], ["b", 0]]) }
  const late: (() => void)[] = []
  let rough = true
  const now = (id: number): Message => w.log.find(m => m.id === id)!
  env.serve = r => {
    let json: unknown, headers: Record<string, string> = {}
    if (r.path === "/api/messages") {
      const before = Number(r.query.get("before") ?? Infinity)
      json = w.entries.filter(e => e.id < before).slice(-Number(r.query.get("limit"))).map(e => e.type === "message" ? now(e.id) : { ...e, message: now(e.of) })
      headers = { "Parley-Last-Id": String(w.entries.length), "Parley-Epoch": "e1" }
    } else if (r.path === "/api/messages/poll") {
      const after = Number(r.query.get("after"))
      json = { messages: w.entries.filter(e => e.id > after), last_id: w.entries.length, epoch: "e1" }
    } else if (r.path.endsWith("/presence")) json = { count: w.people.size, users: [...w.people].map(user => ({ user, since: 1, transports: [] })), truncated: false }
    else json = { channels: [...w.unread].map(([channel, unread]) => ({ channel, unread, mentions: 0 })) }
    const done = structuredClone(json)
    return new Promise(resolve => late.push(() => resolve(rough && random() < 0.1 ? answer(503, { code: "overloaded" }) : answer(200, done, headers))))
  }
  let user = "alice", tokens = 0
  const jwt = (): string => `h.${Buffer.from(JSON.stringify({ sub: user, n: ++tokens })).toString("base64url")}.s`
  env.serve = (serve => r => r.path === "/api/tickets" ? answer(200, { ticket: "t" }) : serve(r))(env.serve)
  const client = new Client("http://parley.test", { env, transports: ["websocket"], getToken: jwt })
  const room = client.channel("general")
  const messages = new MessageView(), people = new PresenceView(), unread = new UnreadView()
  let loaded = false
  const load = async (): Promise<void> => {
    const take = messages.asking()
    try {
      if (take(await room.history({ limit: 1000 }))) loaded = true
    } catch { /* the next connection asks again */ }
  }
  const count = async (): Promise<void> => {
    const take = unread.asking()
    try { take((await client.inbox()).channels) } catch { /* the same */ }
  }
  const see = async (): Promise<void> => {
    const take = people.asking()
    try { take(await room.presence()) } catch { /* the same */ }
  }
  room.subscribe(m => messages.add(m))
  room.on("changed", c => messages.change(c))
  room.on("reset", () => {
    messages.clear()
    loaded = false
    void load()
  })
  room.on("subscribed", () => {
    void see()
    void count()
    if (!loaded) void load()
  })
  room.on("user-joined", p => people.joined(p.user))
  room.on("user-left", p => people.left(p.user))
  room.on("unread", u => unread.told(u))
  client.on("user", () => {
    unread.clear()
    people.clear()
  })
  void load()

  const socket = (): FakeEnv["sockets"][0] | undefined => env.sockets.at(-1)
  const open = (): boolean => !!socket() && !socket()!.closed && socket()!.of("subscribe").length > 0
  const send = (frame: object): void => { if (open()) socket()!.receive(structuredClone(frame)) }
  const welcome = (): void => {
    const s = socket()
    if (!s || s.closed || s.of("subscribe").length) return
    s.open()
    for (const f of s.of("ping")) s.receive({ type: "pong", key: f["key"] })
    for (const f of s.of("subscribe")) {
      const after = (f["after"] as number | undefined) ?? w.entries.length
      s.receive({ type: "welcome", channel: "general", cursor: after, first_id: 1, last_id: w.entries.length, epoch: "e1", resumed: true, key: f["key"] })
      for (const e of w.entries.filter(e => e.id > after)) s.receive(structuredClone(e))
    }
  }
  const steps: (() => void | Promise<void>)[] = [
    () => { // a message
      const m = message(w.entries.length + 1)
      w.log.push(m)
      w.entries.push({ ...m })
      send(m)
    },
    () => { // a change
      const at = pick(w.log.length + 1), was = w.log[at]
      if (!was || was.deleted) return
      const id = w.entries.length + 1, gone = random() < 0.3
      const { text: _, ...rest } = was
      const m: Message = gone ? { ...rest, deleted: true } : { ...was, text: `${was.text}+`, edited: true }
      w.log[at] = m
      const c: MessageChanged = { type: "message-changed", id, channel: "general", user: "bob", timestamp: id, of: was.id, change: gone ? "delete" : "edit", message: { ...m } }
      w.entries.push(c)
      send(c)
    },
    () => {
      const who = `u${pick(4)}`, here = w.people.delete(who)
      if (!here) w.people.add(who)
      send({ type: here ? "user-left" : "user-joined", channel: "general", user: who })
    },
    () => {
      const channel = pick(2) ? "a" : "b"
      w.unread.set(channel, random() < 0.3 ? 0 : w.unread.get(channel)! + 1)
      const total = [...w.unread.values()].reduce((a, b) => a + b)
      if (open()) room.emit_("unread", { type: "unread", channel, unread: w.unread.get(channel)!, mentions: 0, total })
    },
    () => late.splice(pick(late.length), 1)[0]?.(), // an answer, not in the order of the questions
    () => late.splice(pick(late.length), 1)[0]?.(),
    () => { if (open() && random() < 0.3) socket()!.end() },
    () => env.advance(pick(2_000)),
    welcome, welcome,
    () => { if (random() < 0.1) env.skew += (pick(3) - 1) * 3_600_000 },
    () => {
      if (random() > 0.1 || !socket()) return
      user = user === "alice" ? "bob" : "alice"
      send({ type: "token-expiring", in: 1 })
    },
  ]
  for (let i = 0; i < 150; i++) {
    await steps[pick(steps.length)]!()
    await settle(1)
  }
  const quiet = async (): Promise<void> => {
    for (let i = 0; i < 60; i++) {
      welcome()
      for (const go of late.splice(0)) go()
      await env.advance(1_000)
      for (const s of env.sockets) if (!s.closed) for (const f of s.of("ping")) s.receive({ type: "pong", key: f["key"] })
    }
  }
  await quiet()
  rough = false
  if (open()) socket()!.end() // what was not answered is asked for again
  await quiet()
  const shown = (v: readonly Message[]): unknown[] => v.map(m => [m.id, m.text, !!m.deleted])
  assert.equal(client.state.status, "connected", `seed ${seed}`)
  assert.equal(room.cursor, w.entries.length, `seed ${seed}`)
  assert.deepEqual(shown(messages.messages), shown(w.log), `messages, seed ${seed}`)
  assert.deepEqual([people.count, [...people.users].sort()], [w.people.size, [...w.people].sort()], `people, seed ${seed}`)
  assert.deepEqual(Object.fromEntries(Object.entries(unread.channels).map(([c, { unread }]) => [c, unread])), Object.fromEntries(w.unread), `unread, seed ${seed}`)
  client.close()
}

test("random interleavings: the views equal the log", async () => {
  for (let seed = 1; seed <= 40; seed++) await run(seed)
})
