import type { Message, Outgoing } from "/parley.js"
import { h, own } from "../shared/dom.js"
import { face } from "../shared/faces.js"
import { mentions } from "../shared/parse.js"
import { names } from "./known.js"
import type { Note } from "./room.js"
import { untabbed } from "./roving.js"
import type { Row } from "./rows.js"
import { textNodes } from "../shared/text.js"
import { brief, clock, dayName, whole } from "../shared/times.js"
import { isolated, oneLine } from "../shared/words.js"

/** What one can do with what a row shows. */
export interface MessageEvents {
  react(m: Message, emoji: string, on: boolean): void
  /** Whether the user has reacted with this. */
  mine(m: Message, emoji: string): boolean
  jump(id: number): void
  /** Shows the message and its replies. */
  thread(id: number): void
  retry(o: Outgoing): void
  discard(o: Outgoing): void
  /** Takes the text back into the composer. */
  edit(o: Outgoing): void
  resized(): void
}

/** The node of a row, for `me`. */
export function rowNode(row: Row, me: string, events: MessageEvents): HTMLElement {
  switch (row.kind) {
    case "top": return h("p", { class: "top" }, row.more ? "Loading earlier messages" : "This is the start of the channel.")
    case "day": return h("h2", { class: "day" }, dayName(row.at))
    case "count": return h("h3", { class: "day" }, row.replies ? replyWords(row.replies) : "No replies yet")
    case "new": return h("p", { class: "new" }, "New")
    case "note": return h("p", { class: "note" }, h("span", {}, ...summary(row.notes)))
    case "message": return untabbed(message(row, me, events))
    case "pending": return untabbed(pending(row.out, row.first, me, events))
  }
}

function message({ message: m, first, parent, replies, inThread }: Row & { kind: "message" }, me: string, events: MessageEvents): HTMLElement {
  const name = m.name ?? m.user
  const body = h("div", {})
  if (first) body.append(h("p", { class: "by" }, h("b", {}, own(name)), h("time", { datetime: iso(m.timestamp), title: whole(m.timestamp) }, clock(m.timestamp))))
  if (m.thread !== undefined && !m.deleted && !inThread) body.append(quote(m.thread, parent, events))
  if (m.deleted) body.append(h("p", { class: "gone" }, "This message was deleted."))
  else body.append(...content(m, me, events))
  if (m.reactions && Object.keys(m.reactions).length) body.append(marks(m, events))
  if (replies) body.append(threadLink(m, replies, events))
  const names = mentions(m)
  const other = m.user !== me && !m.deleted && (names.has(me) || names.has("channel"))
  const node = h("article", { class: `msg${first ? " first" : ""}${other ? " you" : ""}`, "data-id": m.id, tabindex: -1, "aria-label": `${isolated(name)}, ${clock(m.timestamp)}` },
    first ? face(m.user, name) : h("time", { "aria-hidden": "true", datetime: iso(m.timestamp), title: whole(m.timestamp) }, clock(m.timestamp)), body)
  return node
}

function content({ text, data, edited }: Message, me: string, events: MessageEvents): Node[] {
  const nodes: Node[] = []
  if (text) nodes.push(h("div", { class: "text", dir: "auto" }, ...textNodes(text, me, events.resized), edited ? h("span", { class: "edited" }, " (edited)") : false))
  if (data && !text) nodes.push(h("pre", { class: "data", dir: "ltr", tabindex: 0 }, JSON.stringify(data, undefined, 2)))
  else if (data) nodes.push(h("details", { class: "small", ontoggle: () => events.resized() }, h("summary", {}, "Data"), h("pre", { class: "data", tabindex: 0 }, JSON.stringify(data, undefined, 2))))
  return nodes
}

function quote(id: number, parent: Message | undefined, events: MessageEvents): HTMLElement {
  const words = !parent ? [`message ${id}`] : parent.deleted ? ["a deleted message"] : said(parent)
  return h("button", { class: "quote", onclick: () => events.jump(id) }, h("span", { class: "sr" }, "In reply to "), h("span", { class: "cut" }, ...words))
}

/** Who said what, in one line. */
export function said(m: Message, who = m.name ?? m.user): (string | Node)[] {
  return [own(who), ": ", own(oneLine(m.text ?? "data"))]
}

/** How many replies a message has, by whom and when the latest; opens the thread. */
function threadLink(m: Message, replies: Message[], events: MessageEvents): HTMLElement {
  const last = replies.at(-1)!
  const authors = new Map(replies.map(r => [r.user, r.name ?? r.user]))
  return h("button", { class: "thread", onclick: () => events.thread(m.id) },
    ...[...authors].slice(-3).map(([user, name]) => face(user, name, true)),
    h("b", {}, replyWords(replies.length)), h("time", { datetime: iso(last.timestamp), title: whole(last.timestamp) }, brief(last.timestamp)))
}

function replyWords(count: number): string {
  return count === 1 ? "1 reply" : `${count} replies`
}

function marks(m: Message, events: MessageEvents): HTMLElement {
  const list = Object.entries(m.reactions ?? {}).map(([emoji, { count, users }]) => {
    const mine = events.mine(m, emoji)
    return h("button", {
      class: "mark", "aria-pressed": String(mine), "aria-label": `${emoji} ${count}`, title: users.join(", "), onclick: () => events.react(m, emoji, !mine),
    }, emoji, h("span", {}, String(count)))
  })
  return h("div", { class: "marks" }, ...list)
}

function pending(o: Outgoing, first: boolean, me: string, events: MessageEvents): HTMLElement {
  const failed = o.state === "failed"
  const body = h("div", {})
  if (first) body.append(h("p", { class: "by" }, h("b", {}, own(names.of(o.user || me) || "guest")), h("span", { class: "small" }, failed ? "" : o.state === "sent" ? "Sending" : "Waiting")))
  body.append(h("div", { class: "text", dir: "auto" }, ...textNodes(o.text ?? JSON.stringify(o.data), me, events.resized)))
  const long = o.error?.code === "too_large" // for which another try changes nothing
  if (failed) body.append(h("p", { class: "why" }, long ? "Not sent: too long. A message has at most 16 KiB." : `Not sent: ${o.error?.message ?? "refused"}.`,
    long && o.text !== undefined ? h("button", { class: "push", onclick: () => events.edit(o) }, "Edit") : h("button", { class: "push", onclick: () => events.retry(o) }, "Retry"),
    h("button", { class: "push", onclick: () => events.discard(o) }, "Discard")))
  return h("article", { class: `msg ${failed ? "failed" : "pending"}${first ? " first" : ""}`, "data-key": o.key, tabindex: -1, "aria-label": failed ? "Not sent" : "Being sent" },
    first ? face(o.user || me, names.of(o.user || me)) : h("span", {}), body)
}

/** At most the latest four, none twice. */
function summary(notes: Note[]): (string | Node)[] {
  const some = [...new Map([...notes].reverse().map(n => [`${n.who}${n.text}`, n])).values()].slice(0, 4).reverse()
  return some.flatMap(({ who, text }, i) => [i ? " · " : "", ...who ? [own(who)] : [], who ? text : own(text)])
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
