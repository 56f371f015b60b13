import type { Channel, Message, Outgoing } from "@parley/client"
import { Store } from "./store.js"

/** How long somebody counts as typing after the last notice, in milliseconds: two of them. */
const typingFor = 4_000

export interface ChannelState {
  /** What is loaded, ascending, as it is now; deleted ones have `deleted` and no text. */
  readonly messages: readonly Message[]
  /** Own messages that are not yet acknowledged, in order: to show below the others. */
  readonly pending: readonly Outgoing[]
  /** Users who are typing. */
  readonly typing: readonly string[]
  /** There are older messages: `loadMore` fetches them. */
  readonly more: boolean
  /** Loading history. */
  readonly loading: boolean
  /** Why history could not be had, or the channel may not be followed. */
  readonly error: Error | undefined
}

/** What one channel shows. */
export class ChannelStore extends Store<ChannelState> {
  readonly #room: Channel
  readonly #limit: number
  readonly #typing = new Map<string, ReturnType<typeof setTimeout>>()
  #before: number | undefined // where older history goes on
  #generation = 0 // counts resets: what was asked before one is of no use

  constructor(room: Channel, limit: number) {
    super({ messages: [], pending: room.outbox, typing: [], more: false, loading: true, error: undefined })
    this.#room = room
    this.#limit = limit
  }

  /** Fetches the page before what is loaded. */
  readonly loadMore = async (): Promise<void> => {
    const generation = this.#generation
    this.set({ loading: true })
    try {
      const page = await this.#room.history({ before: this.#before, limit: this.#limit })
      if (generation !== this.#generation) return
      this.#before = page.before
      this.#merge(page.messages)
      this.set({ more: page.more, loading: false, error: undefined })
    } catch (e) {
      if (generation === this.#generation) this.set({ loading: false, error: e as Error })
    }
  }

  protected start(): (() => void)[] {
    const room = this.#room
    const offs = [
      room.subscribe(m => {
        this.#quiet(m.user)
        this.#merge([m])
      }),
      room.on("changed", c => this.#replace(c.message)),
      room.on("typing", p => this.#hear(p.user)),
      room.on("user-left", p => this.#quiet(p.user)),
      room.on("outbox", () => this.set({ pending: room.outbox })),
      room.on("refused", error => this.set({ error })),
      room.on("reset", () => this.#reload()),
      () => { for (const user of [...this.#typing.keys()]) this.#quiet(user) },
    ]
    if (this.#before === undefined) void this.loadMore()
    return offs
  }

  #reload(): void {
    this.#generation++
    this.#before = undefined
    this.set({ messages: [], more: false })
    void this.loadMore()
  }

  /** Takes messages in, each once, by id. History is as things are now and wins. */
  #merge(some: readonly Message[]): void {
    const byId = new Map(this.get().messages.map(m => [m.id, m]))
    for (const m of some) byId.set(m.id, m)
    this.set({ messages: [...byId.values()].sort((a, b) => a.id - b.id) })
  }

  #replace(message: Message): void {
    const { messages } = this.get()
    if (messages.some(m => m.id === message.id)) this.set({ messages: messages.map(m => m.id === message.id ? message : m) })
  }

  #hear(user: string): void {
    clearTimeout(this.#typing.get(user))
    this.#typing.set(user, setTimeout(() => this.#quiet(user), typingFor))
    this.set({ typing: [...this.#typing.keys()] })
  }

  #quiet(user: string): void {
    clearTimeout(this.#typing.get(user))
    if (this.#typing.delete(user)) this.set({ typing: [...this.#typing.keys()] })
  }
}
