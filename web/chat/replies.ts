import type { Message, Outgoing } from "/parley.js"
import { MessageView } from "../shared/views.js"
import { durable } from "./outgoing.js"
import type { Note, Room } from "./room.js"
import type { Source } from "./rows.js"

const pageSize = 1000

/** What is known of one thread of a room: a message and its replies. It hears what changes until it is closed. */
export class Replies implements Source {
  readonly root: number
  readonly more = false
  readonly #room: Room
  readonly #view = new MessageView()
  #read = false // all of it was
  #asked: symbol | undefined // the reading that is under way
  readonly #told: () => void
  readonly #off: (() => void)[]

  constructor(room: Room, root: number, told: () => void) {
    const { channel } = this.#room = room
    this.root = root
    this.#told = told
    for (const m of room.messages) this.#add(m)
    this.#off = [
      channel.subscribe(m => this.#add(m)),
      channel.on("changed", c => { if (this.#view.change(c)) told() }),
      channel.on("outbox", o => {
        const m = durable(o, room.me)
        if (m && !this.get(m.id)) this.#add(m)
        told()
      }),
      channel.on("reset", () => {
        this.#view.clear()
        void this.#load()
      }),
      channel.on("subscribed", () => { if (!this.#read && !this.#asked) void this.#load() }),
      room.on(what => { if (what === "messages") told() }),
    ]
    void this.#load()
  }

  get me(): string {
    return this.#room.me
  }

  /** Ascending. What the view keeps of others' changes is not among them. */
  get messages(): readonly Message[] {
    return this.#view.messages
  }

  /** Whether there is something to show. */
  get loaded(): boolean {
    return this.#read || this.messages.length > 0
  }

  get notes(): Note[] {
    return this.messages.length ? [] : [{ after: 0, text: "This message is not kept any more." }]
  }

  /** Own replies that are not in the channel yet. */
  get pending(): Outgoing[] {
    return this.#room.pending.filter(o => o.thread === this.root)
  }

  get(id: number): Message | undefined {
    return this.#view.get(id)
  }

  mine(m: Message, emoji: string): boolean {
    return this.#room.mine(m, emoji)
  }

  marked(id: number): number {
    return this.#room.marked(id)
  }

  close(): void {
    for (const off of this.#off) off()
  }

  /**
   * Reads all of it. A page may be shorter than was asked for, so the end is where all replies
   * are there, or nothing more comes. A failure is tried again with the next connection.
   */
  async #load(): Promise<void> {
    const asked = this.#asked = Symbol()
    const { channel } = this.#room
    try {
      for (let last: number | undefined, found = 0, more = true; more;) {
        const take = this.#view.asking()
        const version = channel.cursor ?? 0 // the page shows at least that
        const page = await channel.thread(this.root, { after: last, limit: pageSize })
        if (asked !== this.#asked || !take({ messages: page, last: version, before: 0, more: false })) return
        found += page.filter(m => m.id !== this.root && !m.deleted).length
        const next = page.at(-1)?.id ?? 0
        more = next > (last ?? this.root) && found < (page[0]!.replies ?? 0)
        last = next
      }
      this.#read = true
    } catch { // the state of the client says why
    } finally {
      if (asked === this.#asked) this.#asked = undefined
      this.#told()
    }
  }

  /** Takes a message, if it belongs here. */
  #add(m: Message): void {
    if (m.id !== this.root && m.thread !== this.root) return
    this.#view.add(m)
    this.#told()
  }
}
