import type { Client, InboxEntry, Membership, Message, Unread } from "/parley.js"
import { UnreadView } from "../shared/views.js"
import { direct } from "./channels.js"
import { names } from "./known.js"
import { durable } from "./outgoing.js"

/** The shortest time between two reads of it, in milliseconds, and how many pages are read. */
const pause = 500, mostPages = 5

/**
 * The user's channels with what is unread, and the public ones. Kept fresh by the user's own
 * channel, which tells what has changed; what was said last is read then.
 */
export class Inbox {
  readonly #client: Client
  readonly #told = new Set<() => void>()
  readonly #addressed = new Set<(entry: InboxEntry) => void>()
  readonly #off: (() => void)[] = []
  readonly #known = new Map<string, number>() // how often the user was addressed in a channel, and has heard of it
  entries = new Map<string, InboxEntry>() // newest first
  publics: InboxEntry[] = []
  loaded = false
  #timer: ReturnType<typeof setTimeout> | undefined
  #reading = false
  readonly #view = new UnreadView()
  readonly #since = { said: new Map<string, Message>(), amended: new Map<string, Message>(), read: new Map<string, number>() } // while the list is being read

  constructor(client: Client) {
    this.#client = client
    if (!client.user) return
    const own = client.notifications()
    this.#off.push(
      own.on("unread", u => this.#unread(u)),
      own.on("member-added", () => this.refresh()),
      own.on("member-removed", m => this.#removed(m)),
      own.on("subscribed", () => this.refresh()),
      client.on("outbox", o => {
        const m = durable(o, client.user)
        if (m) this.touch(m)
      }))
  }

  on(told: () => void): void {
    this.#told.add(told)
  }

  /** Calls back when somebody named the user or wrote to them alone, once what was said is known; not if it was read meanwhile. */
  addressed(told: (entry: InboxEntry) => void): void {
    this.#addressed.add(told)
  }

  get unread(): number {
    let sum = 0
    for (const e of this.entries.values()) if (e.muted !== true) sum += (e.muted ? e.mentions : e.unread) ?? 0
    return sum
  }

  refresh(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      void this.#read()
    }, this.loaded ? pause : 0)
  }

  /**
   * A message came by in a channel that is followed, or an own one is durable in any. Who posts
   * becomes a member, and the event of it may have been missed; what is being read may be older.
   */
  touch(m: Message): void {
    const entry = this.entries.get(m.channel)
    if (this.#reading) this.#since.said.set(m.channel, m)
    if (entry ? this.#reading : m.user === this.#client.user) this.refresh()
    if (!entry || (entry.last_message?.id ?? 0) >= m.id) return
    this.entries.delete(m.channel)
    this.entries = new Map([[m.channel, { ...entry, last_message: m, last_id: m.id }], ...this.entries])
    this.#tell()
  }

  /** A message was changed; it may be the one that the list shows. */
  amend(m: Message): void {
    const entry = this.entries.get(m.channel)
    if (this.#reading) this.#since.amended.set(`${m.channel} ${m.id}`, m)
    if (entry?.last_message?.id !== m.id) return
    this.entries.set(m.channel, { ...entry, last_message: m })
    this.#tell()
  }

  /** The user has read so far. */
  read(channel: string, id: number, unread: number | undefined): void {
    const entry = this.entries.get(channel)
    if (!entry) return
    if (unread === 0) this.#lower(channel, 0)
    const counts = { unread: unread ?? entry.unread ?? 0, mentions: unread === 0 ? 0 : entry.mentions ?? 0 }
    if (unread !== undefined) this.#view.told({ channel, ...counts, total: this.#view.total })
    if (this.#reading) this.#since.read.set(channel, id)
    this.entries.set(channel, { ...entry, ...counts, read_id: Math.max(id, entry.read_id ?? 0) })
    this.#tell()
  }

  /** The user has muted a channel, or not. */
  mute(channel: string, muted: InboxEntry["muted"]): void {
    const entry = this.entries.get(channel)
    if (!entry) return
    this.entries.set(channel, { ...entry, muted })
    this.#tell()
  }

  /** The public channels, for who looks for one. */
  async readPublics(): Promise<void> {
    const page = await this.#client.inbox({ all: true })
    this.publics = page.channels
    this.#tell()
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const off of this.#off) off()
    this.#told.clear()
    this.#addressed.clear()
  }

  #removed(m: Membership): void {
    this.#view.removed(m)
    if (this.entries.delete(m.channel)) this.#tell()
    this.refresh()
  }

  #unread(u: Unread): void {
    const { channel, unread, mentions } = u
    this.#view.told(u)
    const entry = this.entries.get(channel)
    this.#lower(channel, direct(channel) ? unread : mentions)
    if (entry) {
      this.entries.set(channel, { ...entry, unread, mentions })
      this.#tell()
    }
    this.refresh()
  }

  /** Some of what addressed the user was read, here or elsewhere. */
  #lower(channel: string, count: number): void {
    if (count < (this.#known.get(channel) ?? 0)) this.#known.set(channel, count)
  }

  async #read(): Promise<void> {
    if (this.#reading) return this.refresh()
    this.#reading = true
    const take = this.#view.asking()
    for (const known of Object.values(this.#since)) known.clear()
    try {
      const entries = new Map<string, InboxEntry>()
      let next: string | undefined
      for (let page = 0; page < mostPages; page++) {
        const answer = await this.#client.inbox({ next })
        for (const e of answer.channels) {
          entries.set(e.channel, e)
          if (e.last_message) names.learn(e.last_message.user, e.last_message.name, true)
        }
        if (!(next = answer.next)) break
      }
      const first = !this.loaded
      take([...entries.values()])
      this.entries = this.#newest(entries)
      this.loaded = true
      this.#tell()
      for (const [channel, entry] of this.entries) {
        const count = (direct(channel) && !entry.muted ? entry.unread : entry.mentions) ?? 0
        const more = count > (this.#known.get(channel) ?? 0)
        this.#known.set(channel, count)
        if (more && !first && entry.muted !== true) for (const told of this.#addressed) told(entry)
      }
    } catch { // the next connection reads it
    } finally {
      this.#reading = false
    }
  }

  /** The entries that were read, with what is newer than they are, newest first. */
  #newest(entries: Map<string, InboxEntry>): Map<string, InboxEntry> {
    const { said, amended, read } = this.#since
    const moved: [string, InboxEntry][] = [], stay: [string, InboxEntry][] = []
    for (const [channel, entry] of entries) {
      const counts = this.#view.channels[channel]
      if (!counts) continue // the user was removed meanwhile
      const newer = said.get(channel)
      const moves = newer !== undefined && newer.id > (entry.last_message?.id ?? 0)
      const last = moves ? newer : entry.last_message
      const now = amended.get(`${channel} ${last?.id}`)
      const read_id = Math.max(entry.read_id ?? 0, read.get(channel) ?? 0)
      const list = moves ? moved : stay
      list.push([channel, { ...entry, ...counts, read_id, last_message: now && !last?.deleted ? now : last, last_id: Math.max(entry.last_id ?? 0, last?.id ?? 0) }])
    }
    moved.sort(([, a], [, b]) => b.last_message!.timestamp - a.last_message!.timestamp)
    return new Map([...moved, ...stay])
  }

  #tell(): void {
    for (const told of this.#told) told()
  }
}
