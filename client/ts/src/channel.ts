import { Emitter } from "./emitter.js"
import type { Env } from "./env.js"
import type { ParleyError } from "./error.js"
import type { Answer, Http } from "./http.js"
import { iterate } from "./iterate.js"
import type { Outbox } from "./outbox.js"
import type { Ack, ChannelEvents, Data, Draft, Entry, Frame, Message, MessageChanged, Outgoing, Page, Position, Presence, Reset, Welcome } from "./types.js"

/** What a channel needs of its client. */
export interface Core {
  readonly env: Env
  readonly http: Http
  readonly link: { send(frame: object): boolean }
  readonly outbox: Outbox
  /** The channel is to be followed, or no longer. */
  listens(): void
  /** There is more than what came: it is to be asked for. */
  behind(channel: Channel): void
}

/** The server passes on one typing notice in this time, in milliseconds. */
const typingEvery = 2_000

/**
 * One channel: its cursor, who listens, and what can be done in it. It is followed while
 * somebody listens (`subscribe`, `messages`, `on`), each entry once and in order, over
 * whatever connections there are. Requests reject with a ParleyError.
 */
export class Channel {
  readonly name: string
  readonly #core: Core
  readonly #events = new Emitter<ChannelEvents>()
  #listeners = 0
  #cursor: number | undefined
  #epoch: string | undefined
  #welcomed: string | undefined // the epoch that the latest connection named
  #ahead = 0 // the highest id that came too early
  #refused: ParleyError | undefined
  #typed = -Infinity
  #read = 0

  constructor(name: string, core: Core) {
    this.name = name
    this.#core = core
  }

  /** The id of the last entry that was delivered; undefined until the channel is followed. */
  get cursor(): number | undefined {
    return this.#cursor
  }

  /** Why the server does not let the caller follow the channel, if so. */
  get refused(): ParleyError | undefined {
    return this.#refused
  }

  /** Own messages that are not yet acknowledged, in order; also what an earlier page left in the storage. */
  get outbox(): Outgoing[] {
    return this.#core.outbox.list(this.name)
  }

  /** Calls back with each new message, until the returned function is called. */
  subscribe(listener: (message: Message) => void): () => void {
    return this.on("message", listener)
  }

  /** Calls back with each event of this name, until the returned function is called. */
  on<K extends keyof ChannelEvents>(name: K, listener: (value: ChannelEvents[K]) => void): () => void {
    const off = this.#events.on(name, listener)
    this.#listeners++
    this.#refused = undefined
    this.#core.listens()
    let on = true
    return () => {
      if (!on) return
      on = false
      off()
      this.#listeners--
      this.#core.listens()
    }
  }

  /**
   * The new messages from now on: `for await (const m of room.messages())`. Ends when the client is
   * closed, throws when the server refuses. Leaving the loop ends it; what comes meanwhile is kept.
   */
  messages(): AsyncGenerator<Message, void, undefined> {
    return iterate(this)
  }

  /** Sends a message, now or as soon as there is a connection. Resolves when it is durable. */
  publish(draft: Draft): Promise<Ack> {
    return this.#core.outbox.publish(this.name, draft)
  }

  /** Forgets an own message that is queued or failed. */
  discard(key: string): boolean {
    return this.#core.outbox.discard(this.name, key)
  }

  /**
   * The newest messages, or those before the entry `before`, at most `limit` (50) entries. If nothing
   * was delivered yet, without `before`, the channel then goes on after what this returns.
   */
  async history({ before, limit = 50 }: { before?: number; limit?: number } = {}): Promise<Page> {
    const answer = await this.#entries({ before, limit })
    const entries = answer.json as Entry[]
    const first = entries[0]?.id ?? 0
    const last = answer.header("Parley-Last-Id")
    if (before === undefined && last) this.start(Number(last), answer.header("Parley-Epoch") || undefined)
    return { messages: entries.filter(e => e.type === "message"), before: first, more: first > 1 && entries.length >= limit }
  }

  /** A message, with the number of its `replies`, and at most `limit` of those after the entry `after`, ascending. */
  async thread(id: number, { after = 0, limit = 1000 }: { after?: number; limit?: number } = {}): Promise<Message[]> {
    return (await this.#entries({ thread: id, after, limit })).json as Message[]
  }

  /** Replaces text and data of an own message. Returns it as it is now. */
  edit(id: number, change: { text?: string; data?: Data }): Promise<Message> {
    return this.#core.http.json("PATCH", this.#path(id), change)
  }

  async delete(id: number): Promise<void> {
    await this.#core.http.json("DELETE", this.#path(id))
  }

  /** Adds the caller's reaction, or with `on` false takes it away. */
  async react(id: number, emoji: string, on = true): Promise<void> {
    await this.#core.http.json(on ? "PUT" : "DELETE", `${this.#path(id)}/reactions/${encodeURIComponent(emoji)}`)
  }

  /** An application's own event to the others: not stored, may be dropped. `name`: a-z 0-9 . _ -, at most 64. */
  async event(name: string, data?: Data): Promise<void> {
    if (this.#core.link.send({ type: "event", channel: this.name, event: name, data })) return
    await this.#core.http.json("POST", this.#about("events"), { event: name, data })
  }

  /** Tells the others that the user is typing: at most every two seconds, and only where frames can be sent. */
  typing(): void {
    const now = this.#core.env.now()
    if (now - this.#typed < typingEvery) return
    this.#typed = now
    this.#core.link.send({ type: "typing", channel: this.name })
  }

  /** Moves the caller's read pointer forward. Returns what is unread then; undefined if it stood there already. */
  async markRead(id: number): Promise<number | undefined> {
    if (id <= this.#read) return undefined
    this.#read = id
    try {
      return (await this.#core.http.json<{ unread: number }>("POST", this.#about("read"), { id })).unread
    } catch (e) {
      if (this.#read === id) this.#read = 0
      throw e
    }
  }

  /** Who is here. */
  presence(): Promise<Presence> {
    return this.#core.http.json("GET", this.#about("presence"))
  }

  // What follows is for the client.

  /** @internal Whether to follow it, and from where. */
  get wanted(): boolean {
    return this.#listeners > 0
  }

  /** @internal */
  get position(): Position {
    return { name: this.name, cursor: this.#cursor, epoch: this.#epoch }
  }

  /** @internal Whether something came that does not follow from the cursor. */
  get ahead(): boolean {
    return this.#ahead > (this.#cursor ?? 0)
  }

  /** @internal */
  start(cursor: number | undefined, epoch: string | undefined): void {
    if (this.#cursor !== undefined || cursor === undefined) return
    this.#cursor = cursor
    this.#epoch = epoch
  }

  /** @internal */
  emit<K extends keyof ChannelEvents>(name: K, value: ChannelEvents[K]): void {
    this.#events.emit(name, value)
  }

  /** @internal */
  refuse(why: ParleyError): void {
    this.#refused = why
    this.emit("refused", why)
  }

  /** @internal Takes a frame about this channel. `sure`: it answers a question for what follows from the cursor. */
  accept(frame: Frame, sure = false): void {
    const { type } = frame
    if (type === "welcome") this.#welcome(frame as unknown as Welcome)
    else if (type === "reset") this.#reset(frame as unknown as Reset & { epoch?: string })
    else if (type === "message" || type === "message-changed") this.#entry(frame as unknown as Entry, sure)
    else this.emit(type as "system", frame as unknown as ChannelEvents["system"]) // nobody listens to what is not known
  }

  /** It may begin after the cursor: if this is another tab's, or history set the cursor meanwhile. */
  #welcome(w: Welcome): void {
    this.#welcomed = w.epoch
    this.start(w.cursor, w.epoch)
    this.#epoch ??= w.epoch
    this.emit("subscribed", w)
    if (w.cursor > this.#cursor!) this.#core.behind(this)
  }

  /**
   * Takes up the cursor that the server offers. The epoch of it is the reset's, or the
   * welcome's before it: a cursor of the old epoch under the name of the new one would
   * resume without a word. A reset in mid-stream names none; the next welcome will.
   */
  #reset(r: Reset & { epoch?: string }): void {
    const expired = r.reason === "expired"
    const cursor = expired ? r.first_id - 1 : r.last_id
    if (expired && this.#cursor !== undefined && this.#cursor >= cursor) return // it is past that
    this.#epoch = r.epoch ?? (this.#welcomed !== this.#epoch ? this.#welcomed : r.reason === "epoch" ? undefined : this.#epoch)
    this.#cursor = cursor
    this.#ahead = 0
    this.emit("reset", r)
  }

  /** Ids have no gaps. What comes again is dropped; what comes too early is asked for, with what is before it. */
  #entry(entry: Entry, sure: boolean): void {
    const expected = (this.#cursor ?? entry.id - 1) + 1
    if (entry.id < expected) return
    if (entry.id > expected && !sure) {
      this.#ahead = Math.max(this.#ahead, entry.id)
      return this.#core.behind(this)
    }
    this.#cursor = entry.id
    if (entry.id > expected) this.emit("reset", { type: "reset", channel: this.name, reason: "gap", first_id: entry.id, last_id: entry.id })
    if (entry.type === "message") this.emit("message", entry as Message)
    else this.emit("changed", entry as MessageChanged)
  }

  #entries(query: Record<string, number | undefined>): Promise<Answer> {
    return this.#core.http.ask("GET", "/api/messages", { query: { channel_id: this.name, ...query } })
  }

  #path(id: number): string {
    return `/api/messages/${encodeURIComponent(this.name)}/${id}`
  }

  #about(what: string): string {
    return `/api/channels/${encodeURIComponent(this.name)}/${what}`
  }
}
