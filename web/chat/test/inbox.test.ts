import assert from "node:assert/strict"
import { mock, test } from "node:test"
import type { Client, Inbox as Page, InboxEntry, Message } from "/parley.js"
import { Inbox } from "../inbox.js"
import { FakeChannel, message, Questions, removal, settle } from "./fake.js"

async function open(): Promise<{ own: FakeChannel; inbox: Inbox; pages: Questions<Page>; reread: () => Promise<void> }> {
  const own = new FakeChannel(), pages = new Questions<Page>()
  mock.timers.enable({ apis: ["setTimeout"] })
  const inbox = new Inbox({ user: "alice", notifications: () => own.channel, on: () => () => {}, inbox: () => pages.ask() } as unknown as Client)
  const reread = async (): Promise<void> => {
    own.emit("subscribed", {})
    mock.timers.tick(1_000)
    await settle()
  }
  await reread()
  await pages.asked[0]!.answer({ channels: [entry("team", message(4)), entry("general", message(3))] })
  await reread()
  return { own, inbox, pages, reread }
}
const entry = (channel: string, last: Message, more: Partial<InboxEntry> = {}): InboxEntry =>
  ({ channel, kind: "public", last_id: last.id, read_id: 1, unread: 1, mentions: 0, muted: false, last_message: { ...last, channel }, ...more }) as InboxEntry
const shown = (inbox: Inbox): unknown => [...inbox.entries.values()].map(e => [e.channel, e.unread, e.read_id, e.last_message?.deleted ? "deleted" : e.last_message?.text])

test("counts that were told while the list was read stay", async t => {
  t.after(() => mock.timers.reset())
  const { own, inbox, pages } = await open()
  own.emit("unread", { channel: "general", unread: 3, mentions: 0, total: 4 })
  inbox.read("team", 4, 0)
  await pages.asked[1]!.answer({ channels: [entry("team", message(4)), entry("general", message(3))] })
  assert.deepEqual(shown(inbox), [["team", 0, 4, "m4"], ["general", 3, 1, "m3"]])
  assert.equal(inbox.unread, 3)
  inbox.close()
})

test("what was said, changed or deleted while the list was read stays", async t => {
  t.after(() => mock.timers.reset())
  const { inbox, pages } = await open()
  inbox.touch(message(5, { channel: "general" }))
  inbox.amend({ ...removal(6, 4).message, channel: "team" })
  inbox.amend(message(9, { channel: "other", text: "as it is now" })) // of a channel that is not listed yet
  await pages.asked[1]!.answer({ channels: [entry("other", message(9)), entry("team", message(4)), entry("general", message(3))] })
  assert.deepEqual(shown(inbox), [["general", 1, 1, "m5"], ["other", 1, 1, "as it is now"], ["team", 1, 1, "deleted"]])
  inbox.close()
})

test("a channel that the user was removed from while the list was read is not listed, and its answer that is newer is", async t => {
  t.after(() => mock.timers.reset())
  const { own, inbox, pages, reread } = await open()
  own.emit("member-removed", { channel: "team" })
  assert.deepEqual([...inbox.entries.keys()], ["general"])
  await pages.asked[1]!.answer({ channels: [entry("team", message(4)), entry("general", message(3))] })
  assert.deepEqual([...inbox.entries.keys()], ["general"])
  await reread()
  await pages.asked[2]!.answer({ channels: [entry("team", message(7), { unread: 2 }), entry("general", { ...message(3), text: "edited" })] })
  assert.deepEqual(shown(inbox), [["team", 2, 1, "m7"], ["general", 1, 1, "edited"]])
  inbox.close()
})
