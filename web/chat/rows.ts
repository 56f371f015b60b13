import type { Message, Outgoing } from "/parley.js"
import type { Note, Room } from "./room.js"
import { day } from "./times.js"

/** A line of the list. Rows with the same key are the same line; `made` tells whether it looks the same. */
export type Row = { key: string; tall: number } & (
  | { kind: "top"; more: boolean }
  | { kind: "day"; at: number }
  | { kind: "new" }
  | { kind: "note"; notes: Note[] }
  | { kind: "message"; message: Message; first: boolean; parent: Message | undefined }
  | { kind: "pending"; out: Outgoing; first: boolean })

/** An author's messages are one group if no more than this lies between them, in seconds. */
const together = 300

/** The rows of what a room holds. `tall` is a guess, in pixels, until a row was shown. */
export function rows(room: Room): Row[] {
  if (!room.loaded) return []
  const out: Row[] = [{ key: "top", kind: "top", more: room.more, tall: 48 }]
  const notes = [...room.notes]
  let last: Message | undefined
  let today = NaN
  let broken = true // something stands between this message and the last one
  const note = (upTo: number): void => {
    const these: Note[] = []
    while (notes.length && notes[0]!.after < upTo) these.push(notes.shift()!)
    if (!these.length) return
    out.push({ key: `note ${these[0]!.after}`, kind: "note", notes: these, tall: 28 })
    broken = true
  }
  for (const message of room.messages) {
    note(message.id)
    const its = day(message.timestamp)
    if (its !== today) {
      out.push({ key: `day ${its}`, kind: "day", at: message.timestamp, tall: 36 })
      today = its
      broken = true
    }
    if (room.newAfter !== undefined && message.id > room.newAfter && (last ? last.id <= room.newAfter : !room.more)) {
      out.push({ key: "new", kind: "new", tall: 28 })
      broken = true
    }
    const first = broken || last!.user !== message.user || message.timestamp - last!.timestamp > together || message.thread !== undefined
    const parent = message.thread === undefined ? undefined : room.get(message.thread)
    out.push({ key: `m${message.id}`, kind: "message", message, first, parent, tall: guess(message.text, first) })
    last = message
    broken = false
  }
  note(Infinity)
  let own = last?.user === room.me && !broken
  for (const o of room.pending) {
    out.push({ key: `p${o.key}`, kind: "pending", out: o, first: !own, tall: guess(o.text, !own) })
    own = true
  }
  return out
}

/** Whether two rows of the same key look the same. */
export function same(a: Row, b: Row): boolean {
  if (a.kind === "message" && b.kind === "message") return a.message === b.message && a.first === b.first && a.parent === b.parent
  if (a.kind === "pending" && b.kind === "pending") return a.out === b.out && a.first === b.first
  if (a.kind === "note" && b.kind === "note") return a.notes.length === b.notes.length
  if (a.kind === "top" && b.kind === "top") return a.more === b.more
  return a.kind === b.kind
}

function guess(text = "", first: boolean): number {
  let lines = 0
  for (const line of text.slice(0, 2000).split("\n")) lines += 1 + Math.floor(line.length / 90)
  return 2 + 22 * lines + (first ? 31 : 0)
}
