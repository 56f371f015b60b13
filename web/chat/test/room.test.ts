import assert from "node:assert/strict"
import { test } from "node:test"
import { Replies } from "../replies.js"
import { Room } from "../room.js"
import { rows } from "../rows.js"
import { edit, FakeChannel, message, page, removal, settle } from "./fake.js"

const members = "GET /api/channels/general/members"

function open(me = "alice"): { fake: FakeChannel; room: Room; heard: number[] } {
  const fake = new FakeChannel()
  const heard: number[] = []
  const room = new Room(fake.channel, me, { request: fake.request, heard: (_, m) => heard.push(m.id), changed: () => {}, subscribed: () => {} })
  room.on(() => {})
  return { fake, room, heard }
}
const texts = (room: { messages: readonly { id: number; text?: string; deleted?: boolean }[] }): unknown[] => room.messages.map(m => m.deleted ? `${m.id} deleted` : m.text)

test("a page of history that comes after live events does not undo them", async () => {
  const { fake, room, heard } = open()
  fake.emit("message", message(8))
  fake.emit("changed", edit(9, 8, "new"))
  fake.emit("changed", edit(10, 6, "new too")) // not there yet
  fake.emit("changed", removal(11, 7))
  await fake.history.asked[0]!.answer(page(8, message(6), message(7), message(8)))
  assert.deepEqual(texts(room), ["new too", "7 deleted", "new"])
  assert.deepEqual(heard, [8])
})

test("an older page that comes after live events does not undo them either", async () => {
  const { fake, room } = open()
  await fake.history.asked[0]!.answer(page(8, message(7), message(8)))
  void room.older()
  fake.emit("changed", removal(9, 3))
  fake.emit("changed", edit(10, 4, "new"))
  await fake.history.asked[1]!.answer(page(8, message(3), message(4)))
  assert.deepEqual(texts(room), ["3 deleted", "new", "m7", "m8"])
})

test("after a reset nothing counts that was asked before it", async () => {
  const { fake, room } = open()
  fake.emit("reset", { reason: "expired" })
  await fake.history.asked[0]!.answer(page(8, message(7)))
  await fake.history.asked[1]!.answer(page(20, message(20)))
  assert.deepEqual(texts(room), ["m20"])
})

test("who left while the presence was asked for is not shown, who came is, and only the latest answer counts", async () => {
  const { fake, room } = open()
  const stay = (user: string): { user: string; since: number; transports: [] } => ({ user, since: 1, transports: [] })
  fake.emit("subscribed", { cursor: 10 })
  fake.emit("user-joined", { user: "carol", name: "Carol" })
  fake.emit("user-left", { user: "bob" })
  await fake.presence.asked[0]!.answer({ count: 2, users: [stay("alice"), stay("bob")] })
  assert.deepEqual([[...room.people], room.present], [[["alice", "alice"], ["carol", "Carol"]], 2])
  fake.emit("subscribed", { cursor: 10 })
  fake.emit("subscribed", { cursor: 10 })
  await fake.presence.asked[2]!.answer({ count: 1, users: [stay("carol")] })
  await fake.presence.asked[1]!.answer({ count: 3, users: [stay("alice"), stay("bob"), stay("carol")] })
  assert.deepEqual([[...room.people], room.present], [[["carol", "Carol"]], 1])
})

test("large channels count, whatever comes first", async () => {
  const { fake, room } = open()
  fake.emit("subscribed", { cursor: 10 })
  fake.emit("presence", { joined: ["carol"], left: ["bob"], count: 150 })
  await fake.presence.asked[0]!.answer({ count: 151, users: [{ user: "bob", since: 1, transports: [] }] })
  assert.deepEqual([[...room.people.keys()], room.present], [["carol"], 150])
})

test("who became a member by posting while the members were asked for is one", async () => {
  const { fake, room } = open()
  fake.emit("subscribed", { cursor: 10 })
  fake.emit("message", message(11, { user: "dora" }))
  await fake.requests.get(members)!.asked[0]!.answer({ members: [{ user: "alice" }] })
  assert.deepEqual([...room.members], ["alice", "dora"])
})

test("whether one is among more than twenty who reacted is asked, and the line is drawn again", async () => {
  const { fake, room } = open()
  const many = message(8, { reactions: { "👍": { count: 25, users: Array.from({ length: 20 }, (_, i) => `u${i}`) } } })
  await fake.history.asked[0]!.answer(page(8, many))
  const row = (): unknown => rows(room).find(r => r.kind === "message")
  const [before] = [row() as { marked: number }]
  assert.equal(room.mine(many, "👍"), false)
  await settle()
  await fake.requests.get(`GET /api/messages/general/8/reactions/${encodeURIComponent("👍")}`)!.asked[0]!.answer({ count: 25, mine: true, users: [] })
  assert.equal(room.mine(many, "👍"), true)
  assert.notEqual((row() as { marked: number }).marked, before.marked)
  fake.emit("changed", { ...edit(12, 8, "x"), change: "reaction", user: "alice", message: many })
  room.mine(many, "👍")
  assert.equal(fake.requests.get(`GET /api/messages/general/8/reactions/${encodeURIComponent("👍")}`)!.asked.length, 2)
})

test("a thread that comes after live events does not undo them", async () => {
  const { fake, room } = open()
  const replies = new Replies(room, 5, () => {})
  const reply = (id: number): ReturnType<typeof message> => message(id, { thread: 5 })
  fake.emit("message", reply(11))
  fake.emit("changed", edit(12, 6, "new", { thread: 5 }))
  fake.emit("changed", removal(13, 7)) // a deleted message need not say of which thread it was
  fake.emit("changed", edit(14, 3, "of another thread"))
  await fake.threads.asked[0]!.answer([message(5, { replies: 3 }), reply(6)])
  await fake.threads.asked[1]!.answer([message(5, { replies: 3 }), reply(7)])
  await fake.threads.asked[2]!.answer([message(5, { replies: 2 })])
  assert.deepEqual(texts(replies), ["m5", "new", "7 deleted", "m11"])
  replies.close()
})

test("a thread is read to its end, however short its pages are", async () => {
  const { fake, room } = open()
  const replies = new Replies(room, 5, () => {})
  const reply = (id: number): ReturnType<typeof message> => message(id, { thread: 5 })
  const root = message(5, { replies: 4 })
  await fake.threads.asked[0]!.answer([root, reply(6), reply(7)])
  await fake.threads.asked[1]!.answer([root, reply(8)])
  await fake.threads.asked[2]!.answer([root, reply(9)])
  await settle()
  assert.deepEqual(fake.threadQueries.map(q => (q as { after?: number }).after), [undefined, 7, 8])
  assert.deepEqual(texts(replies), ["m5", "m6", "m7", "m8", "m9"])
  assert.equal(fake.threads.asked.length, 3) // all four are there
  replies.close()
})

test("random answers, events and resets: what is shown is what the log says", async () => {
  for (let seed = 1; seed <= 60; seed++) {
    let n = seed
    const random = (below: number): number => {
      n = Math.imul(n ^ n >>> 15, 0x2c1b3c6d) + 0x6d2b79f5 | 0
      return (n >>> 0) % below
    }
    const { fake, room } = open()
    // The log, its head, and what the stream has delivered of it.
    const log: (ReturnType<typeof message> | ReturnType<typeof edit>)[] = []
    let delivered = 0
    const now = (upTo: number): Map<number, ReturnType<typeof message>> => {
      const state = new Map<number, ReturnType<typeof message>>()
      for (const e of log.slice(0, upTo)) if (e.type === "message") state.set(e.id, e); else state.set(e.of, e.message)
      return state
    }
    const open_: { asked: number; head: number }[] = [] // questions, and the head when the server answered them
    let seen = 0
    for (let step = 0; step < 60; step++) {
      const state = now(log.length)
      const some = [...state.values()].filter(m => !m.deleted)
      const id = log.length + 1
      switch (random(6)) {
        case 0: log.push(message(id)); break
        case 1: if (some.length) log.push(edit(id, some[random(some.length)]!.id, `as of ${id}`)); break
        case 2: if (some.length) log.push(removal(id, some[random(some.length)]!.id)); break
        case 3: case 4: {
          const e = log[delivered]
          if (!e) break
          delivered++
          if (e.type === "message") fake.emit("message", e)
          else fake.emit("changed", e)
          break
        }
        case 5:
          for (; seen < fake.history.asked.length; seen++) open_.push({ asked: seen, head: Math.max(delivered, random(log.length + 1)) })
          if (open_.length && random(2)) {
            const { asked, head } = open_.splice(random(open_.length), 1)[0]!
            await fake.history.asked[asked]!.answer(page(head, ...now(head).values()))
          }
      }
    }
    for (; seen < fake.history.asked.length; seen++) open_.push({ asked: seen, head: delivered })
    for (const { asked, head } of open_) await fake.history.asked[asked]!.answer(page(head, ...now(head).values()))
    for (const e of log.slice(delivered)) if (e.type === "message") fake.emit("message", e); else fake.emit("changed", e)
    assert.deepEqual(texts(room), texts({ messages: [...now(log.length).values()].sort((a, b) => a.id - b.id) }), `seed ${seed}`)
  }
})
