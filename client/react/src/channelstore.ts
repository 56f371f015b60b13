import type { Channel, Client, Message, Outgoing } from "@parley/client"
import { MessageView, ReactionView } from "@parley/client/views"
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
  readonly #user: () => string
  readonly #view = new MessageView()
  readonly #reactions: ReactionView
  readonly #typing = new Map<string, ReturnType<typeof setTimeout>>()
  #before: number | undefined // where older history goes on; undefined: nothing is loaded
  #asked: Promise<void> | undefined // the question for history that counts, while it is under way

  constructor(client: Client, name: string, limit: number) {
    const room = client.channel(name)
    super({ messages: [], pending: room.outbox, typing: [], more: false, loading: true, error: undefined })
    this.#room = room
    this.#limit = limit
    this.#user = () => client.user
    this.#reactions = new ReactionView((method, path) => client.request(method, path), room, () => this.#show([...this.#view.messages]))
  }

  /** Fetches the page before what is loaded. While one is being fetched, that is the one. */
  readonly loadMore = (): Promise<void> => this.#asked ?? this.#load()

  #load(): Promise<void> {
    const take = this.#view.asking()
    this.set({ loading: true })
    const done = (change: Partial<ChannelState>): void => {
      if (asked !== this.#asked) return // a reset came, which asks again
      this.#asked = undefined
      this.set({ ...change, loading: false })
    }
    const asked = this.#asked = this.#room.history({ before: this.#before, limit: this.#limit }).then(page => {
      if (asked !== this.#asked || !take(page)) return
      this.#before = page.before
      done({ messages: this.#view.messages, more: page.more, error: undefined })
    }).catch((e: Error) => done({ error: e }))
    return asked
  }

  /** Whether the user has given a message this reaction. Where more than twenty have, the server is asked once, and the store changes when it answers. */
  readonly reacted = (message: Message, emoji: string): boolean => this.#reactions.mine(message, emoji, this.#user())

  protected start(): (() => void)[] {
    const room = this.#room
    const offs = [
      room.subscribe(m => {
        this.#quiet(m.user)
        this.#view.add(m)
        this.#show()
      }),
      room.on("changed", c => {
        if (c.change === "reaction" && c.user === this.#user()) this.#reactions.reacted(c.of)
        if (this.#view.change(c)) this.#show()
      }),
      room.on("typing", p => this.#hear(p.user)),
      room.on("user-left", p => this.#quiet(p.user)),
      room.on("outbox", () => this.set({ pending: room.outbox })),
      room.on("refused", error => this.set({ error })),
      room.on("reset", () => this.#reload()),
      room.on("subscribed", () => {
        this.#reactions.again()
        if (this.#before === undefined && !this.get().loading) void this.loadMore()
      }),
      () => { for (const user of [...this.#typing.keys()]) this.#quiet(user) },
    ]
    if (this.#before === undefined) void this.loadMore()
    return offs
  }

  #reload(): void {
    this.#view.clear()
    this.#reactions.clear()
    this.#before = undefined
    this.set({ messages: [], pending: this.#room.outbox, more: false })
    void this.#load()
  }

  #show(messages = this.#view.messages): void {
    this.set({ messages })
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
