import type { Message, Outgoing } from "/parley.js"
import type { Note } from "./room.js"
import { day } from "../shared/times.js"

/** A line of the list. Rows with the same key are the same line; `made` tells whether it looks the same. */
export type Row = { key: string; tall: number } & (
  | { kind: "top"; more: boolean }
  | { kind: "day"; at: number }
  | { kind: "new" }
  | { kind: "note"; notes: Note[] }
  | { kind: "count"; replies: number }
  | { kind: "message"; message: Message; first: boolean; parent: Message | undefined; replies: Message[] | undefined; inThread: boolean; marked: number }
  | { kind: "pending"; out: Outgoing; first: boolean })

/** An author's messages are one group if no more than this lies between them, in seconds. */
const together = 300

/** What rows are made of: a room, or a thread, whose first message is `root` and the rest replies. */
export interface Source {
  readonly me: string
  readonly root?: number
  readonly loaded: boolean
  readonly messages: readonly Message[] // ascending
  readonly notes: Note[]
  readonly pending: Outgoing[]
  readonly more: boolean
  readonly newAfter?: number | undefined
  get(id: number): Message | undefined
  /** Whether the user has reacted to a message with this; `marked` changes when that turns out to be otherwise. */
  mine(m: Message, emoji: string): boolean
  marked(id: number): number
}

/** The rows of what a room or a thread holds. `tall` is a guess, in pixels, until a row was shown. */
export function rows(room: Source): Row[] {
  if (!room.loaded) return []
  const inThread = room.root !== undefined
  const out: Row[] = inThread ? [] : [{ key: "top", kind: "top", more: room.more, tall: 48 }]
  const threads = inThread ? new Map<number, Message[]>() : replies(room.messages)
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
    if (its !== today && (!inThread || last || its !== day(Date.now() / 1000))) {
      out.push({ key: `day ${its}`, kind: "day", at: message.timestamp, tall: 36 })
      broken = true
    }
    today = its
    if (room.newAfter !== undefined && message.id > room.newAfter && (last ? last.id <= room.newAfter : !room.more)) {
      out.push({ key: "new", kind: "new", tall: 28 })
      broken = true
    }
    const first = broken || last!.user !== message.user || message.timestamp - last!.timestamp > together || message.thread !== undefined && !inThread
    const parent = message.thread === undefined || inThread ? undefined : room.get(message.thread)
    out.push({ key: `m${message.id}`, kind: "message", message, first, parent, replies: threads.get(message.id), inThread, marked: room.marked(message.id), tall: guess(message.text, first) })
    last = message
    broken = message.id === room.root
    if (broken) out.push({ key: "count", kind: "count", replies: room.messages.filter(m => m !== message && !m.deleted).length, tall: 36 })
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
  if (a.kind === "message" && b.kind === "message") return a.message === b.message && a.first === b.first && a.parent === b.parent && a.marked === b.marked
    && a.replies?.length === b.replies?.length && a.replies?.at(-1) === b.replies?.at(-1)
  if (a.kind === "pending" && b.kind === "pending") return a.out === b.out && a.first === b.first
  if (a.kind === "note" && b.kind === "note") return a.notes.length === b.notes.length
  if (a.kind === "top" && b.kind === "top") return a.more === b.more
  if (a.kind === "count" && b.kind === "count") return a.replies === b.replies
  return a.kind === b.kind
}

/** The replies among messages, by what they reply to. All are there if that is: what is loaded has no holes. */
function replies(messages: readonly Message[]): Map<number, Message[]> {
  const found = new Map<number, Message[]>()
  for (const m of messages) {
    if (m.thread === undefined || m.deleted) continue
    const known = found.get(m.thread)
    if (known) known.push(m)
    else found.set(m.thread, [m])
  }
  return found
}

function guess(text = "", first: boolean): number {
  let lines = 0
  for (const line of text.slice(0, 2000).split("\n")) lines += 1 + Math.floor(line.length / 90)
  return 2 + 22 * lines + (first ? 31 : 0)
}
