import type { Channel, Message, Outgoing } from "/parley.js"
import { durable } from "./outgoing.js"
import type { Note } from "./room.js"
import type { Source } from "./rows.js"

const pageSize = 1000

/** What is known of one thread: a message and its replies. It hears what changes until it is closed. */
export class Replies implements Source {
  readonly me: string
  readonly root: number
  readonly channel: Channel
  readonly more = false
  messages: Message[] = [] // ascending
  #read = false // all of it was
  #reading = false
  readonly #told: () => void
  readonly #off: (() => void)[]

  /** `known`: those of its messages that somebody has already. */
  constructor(channel: Channel, root: number, me: string, known: Message[], told: () => void) {
    this.channel = channel
    this.root = root
    this.me = me
    this.#told = told
    this.#merge(known)
    this.#off = [
      channel.subscribe(m => this.#merge([m])),
      channel.on("changed", ({ message }) => { if (this.get(message.id)) this.#merge([message]) }),
      channel.on("outbox", o => {
        const m = durable(o, me)
        if (m && !this.get(m.id)) this.#merge([m])
        told()
      }),
      channel.on("reset", () => {
        this.messages = []
        void this.#load()
      }),
      channel.on("subscribed", () => { if (!this.#read) void this.#load() }),
    ]
    void this.#load()
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
    return this.channel.outbox.filter(o => o.thread === this.root)
  }

  get(id: number): Message | undefined {
    return this.messages.find(m => m.id === id)
  }

  close(): void {
    for (const off of this.#off) off()
  }

  /** Reads all of it. A failure is tried again with the next connection. */
  async #load(): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    try {
      let page: Message[] = []
      do {
        page = await this.channel.thread(this.root, { after: page.at(-1)?.id, limit: pageSize })
        this.#merge(page)
      } while (page.length >= pageSize)
      this.#read = true
    } catch { // the state of the client says why
    } finally {
      this.#reading = false
      this.#told()
    }
  }

  /** Takes those that belong here; what is known is replaced. */
  #merge(some: Message[]): void {
    const own = some.filter(m => m.id === this.root || m.thread === this.root)
    if (!own.length) return
    const all = new Map([...this.messages, ...own].map(m => [m.id, m]))
    this.messages = [...all.values()].sort((a, b) => a.id - b.id)
    this.#told()
  }
}
