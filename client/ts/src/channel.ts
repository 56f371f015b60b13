import { emitter } from "./emitter.js"
import type { Env } from "./env.js"
import type { ParleyError } from "./error.js"
import type { Http } from "./http.js"
import { iterate } from "./iterate.js"
import { serialize, until } from "./limit.js"
import type { Outbox } from "./outbox.js"
import type {
  Ack, CallOptions, ChannelEvents, Data, Draft, Entry, EventData, Frame, Message, Outgoing, Page, Position, Presence, Reset, SavedPosition, Welcome,
} from "./types.js"

/** What a channel needs of its client. */
export interface Core {
  readonly env: Env
  readonly http_: Http
  /** Passes a frame to the others in its channel: over the connection, else by a request. */
  tell_(frame: Told, options?: CallOptions): Promise<void>
  readonly outbox: Outbox
  /** The channel is to be followed, or no longer. */
  listens_(): void
  /** There is more than what came: it is to be asked for. */
  behind_(channel: Channel): void
}

/** What a program says in a channel that is not stored. */
export interface Told { type: string; channel: string; event?: string; data?: object }

/** The server passes on one typing notice in this time, in milliseconds. */
const typingEvery = 2_000

/**
 * One channel: its cursor, who listens, and what can be done in it. It is followed while
 * somebody listens (`subscribe`, `messages`, `on`), each entry once and in order, over
 * whatever connections there are. Requests reject with a ParleyError, or with the reason of a
 * signal that was aborted. `D` is the type of messages' data, `E` names the application's events.
 */
export interface Channel<D extends object = Data, E extends object = EventData> {
  readonly name: string
  /** The id of the last entry that was delivered; undefined until the channel is followed. */
  readonly cursor: number | undefined
  /** Where the channel stands: to keep, and to pass to `subscribe` or `Client.channel` when the program starts again. */
  readonly position: SavedPosition
  /** Why the server does not let the caller follow the channel, if so. */
  readonly refused: ParleyError | undefined
  /** Own messages that are not yet acknowledged, in order; also what an earlier page left in the storage. */
  readonly outbox: Outgoing<D>[]
  /** Calls back with each new message, until the returned function is called. `from`: where to begin if the channel is not followed yet. */
  subscribe(listener: (message: Message<D>) => void, from?: SavedPosition): () => void
  /** Calls back with each event of this name, until the returned function is called. */
  on<K extends keyof ChannelEvents>(name: K, listener: (value: ChannelEvents<D, E>[K]) => void): () => void
  /**
   * The new messages from now on: `for await (const m of room.messages())`. Ends when the client is
   * closed, throws when the server refuses. Leaving the loop ends it; what comes meanwhile is kept.
   */
  messages(options?: CallOptions): AsyncGenerator<Message<D>, void, undefined>
  /**
   * Sends a message, now or as soon as there is a connection; if the channel is followed, not before it is known from where, for
   * at most 15 s, so that its listeners get it. Resolves when it is durable. A signal that is aborted
   * takes the message back if it is queued; one that was sent goes on, and the outbox tells what becomes of it.
   */
  publish(draft: Draft<D>, options?: CallOptions): Promise<Ack>
  /** Forgets an own message that is queued or failed. */
  discard(key: string): boolean
  /**
   * The newest messages, or those before the entry `before`, at most `limit` (50). If nothing
   * was delivered yet, without `before`, the channel then goes on after what this returns.
   */
  history(query?: { before?: number; limit?: number } & CallOptions): Promise<Page<D>>
  /** A message, with the number of its `replies`, and at most `limit` of those after the entry `after`, ascending. */
  thread(id: number, query?: { after?: number; limit?: number } & CallOptions): Promise<Message<D>[]>
  /** Replaces text and data of an own message. Returns it as it is now. */
  edit(id: number, change: { text?: string; data?: D }, options?: CallOptions): Promise<Message<D>>
  delete(id: number, options?: CallOptions): Promise<void>
  /** Adds the caller's reaction, or with `on` false takes it away. */
  react(id: number, emoji: string, on?: boolean, options?: CallOptions): Promise<void>
  /** An application's own event to the others: not stored, may be dropped. `name`: a-z 0-9 . _ -, at most 64. */
  event<K extends keyof E & string>(name: K, data?: E[K], options?: CallOptions): Promise<void>
  /** Tells the others that the user is typing: at most every two seconds; nobody hears that it failed. */
  typing(): void
  /** Moves the caller's read pointer forward. Returns what is unread then; undefined if it stood there already. */
  markRead(id: number, options?: CallOptions): Promise<number | undefined>
  /** Who is here. */
  presence(options?: CallOptions): Promise<Presence>

  // What follows is for the client.

  /** @internal Whether to follow it, and from where. */
  readonly wanted_: boolean
  /** @internal */
  readonly position_: Position
  /** @internal Whether it is followed, and not yet known from where: a message that is stored now could be before that. */
  readonly unplaced_: boolean
  /** @internal Whether something came that does not follow from the cursor. */
  readonly ahead_: boolean
  /** @internal */
  start_(from?: SavedPosition): void
  /** @internal Another user has signed in: nothing that this channel knows is theirs. */
  forget_(): void
  /** @internal */
  emit_<K extends keyof ChannelEvents>(name: K, value: ChannelEvents[K]): void
  /** @internal */
  refuse_(why: ParleyError): void
  /** @internal Takes a frame about this channel. `sure`: it answers a question for what follows from the cursor. */
  accept_(frame: Frame, sure?: boolean): void
}

export function createChannel(name: string, { env, http_: http, tell_: tell, outbox, listens_: listens, behind_: behind }: Core): Channel {
  const { on, emit_: emit } = emitter<ChannelEvents>()
  let listeners = 0
  let cursor: number | undefined
  let epoch: string | undefined
  let welcomed: string | undefined // the epoch that the latest connection named
  let origin = 0 // where the cursor began
  let again = 0 // answers in a row that end before that
  let ahead = 0 // the highest id that came too early
  let refused: ParleyError | undefined
  let typed = -Infinity
  let read = 0

  const ask = <T>(method: string, kind: "messages" | "channels", rest: string | number, options?: CallOptions, body?: object): Promise<T> =>
    http.json_(method, `/api/${kind}/${encodeURIComponent(name)}/${rest}`, body, options)
  const entries = (query: Record<string, number | undefined>, signal?: AbortSignal): ReturnType<Http["ask_"]> =>
    http.ask_("GET", "/api/messages", { query_: { channel_id: name, ...query }, signal })

  /** It may begin after the cursor: if this is another tab's, or history set the cursor meanwhile. */
  const welcome = (w: Welcome): void => {
    welcomed = w.epoch
    self.start_({ after: w.cursor, epoch: welcomed })
    epoch ??= welcomed
    emit("subscribed", w)
    if (w.cursor > cursor!) behind(self)
  }

  /**
   * Takes up the cursor that the server offers. The epoch of it is the reset's, or the
   * welcome's before it: a cursor of the old epoch under the name of the new one would
   * resume without a word. A reset in mid-stream names none; the next welcome will.
   */
  const reset = (r: Reset & { epoch?: string }): void => {
    const expired = r.reason === "expired"
    const to = expired ? r.first_id - 1 : r.last_id
    if (expired && cursor !== undefined && cursor >= to) return // it is past that
    epoch = r.epoch ?? (welcomed !== epoch ? welcomed : r.reason === "epoch" ? undefined : epoch)
    cursor = origin = to
    ahead = 0
    emit("reset", r)
  }

  /** Ids have no gaps. What comes again is dropped; what comes too early is asked for, with what is before it. */
  const take = (entry: Entry, sure: boolean): void => {
    const { id } = entry
    const expected = (cursor ?? id - 1) + 1
    if (id < expected) return
    if (id > expected && !sure) {
      ahead = Math.max(ahead, id)
      return behind(self)
    }
    cursor = id
    if (id > expected) emit("reset", { type: "reset", channel: name, reason: "gap", first_id: id, last_id: id })
    if (entry.type === "message") emit("message", entry)
    else emit("changed", entry)
  }

  const self: Channel = {
    name, emit_: emit,
    get cursor() { return cursor },
    get position() { return { after: cursor, epoch } },
    get refused() { return refused },
    get outbox() { return outbox.list_(name) },
    get wanted_() { return listeners > 0 },
    get position_() { return { name, cursor, epoch } },
    get unplaced_() { return listeners > 0 && cursor === undefined && !refused },
    get ahead_() { return ahead > (cursor ?? 0) },
    subscribe(listener, from) {
      self.start_(from)
      return self.on("message", listener)
    },
    on(event, listener) {
      let off: (() => void) | undefined = on(event, listener)
      listeners++
      refused = undefined
      listens()
      return () => {
        if (!off) return
        off()
        off = undefined
        listeners--
        listens()
        outbox.release_(name)
      }
    },
    messages: ({ signal } = {}) => iterate(self, signal),
    publish(draft, { signal } = {}) {
      const key = draft.key ?? env.unique()
      return until(signal, () => outbox.publish(name, { ...draft, key }), () => outbox.discard(name, key))
    },
    discard: key => outbox.discard(name, key),
    async history({ before, limit = 50, signal } = {}) {
      let messages: Message[] = [], more = true, last: number | undefined
      for (let n = limit, from = before; more && messages.length < limit; n = 1000) { // entries that are changes do not count
        const { json_: json, header_: header } = await entries({ before: from, limit: n }, signal)
        const page = json as Entry[]
        const head = header("Parley-Last-Id")
        last ??= +head
        if (from === undefined && head) {
          self.start_({ after: last, epoch: header("Parley-Epoch") || undefined })
          if (last < origin && again++ < 3) return self.history({ limit, signal }) // what came between this answer and the stream would be missing
          again = 0
        }
        messages = [...page.filter(e => e.type === "message"), ...messages]
        before = page[0]?.id ?? 0
        more = before > 1 && before !== from
        from = before
      }
      if (messages.length > limit) {
        messages = messages.slice(-limit)
        before = messages[0]!.id
        more = true
      }
      return { messages, before: before!, more, last: last! }
    },
    async thread(id, { after = 0, limit = 1000, signal } = {}) {
      return (await entries({ thread: id, after, limit }, signal)).json_ as Message[]
    },
    edit: (id, change, options) => ask("PATCH", "messages", id, options, change),
    delete: (id, options) => ask("DELETE", "messages", id, options),
    react: (id, emoji, on = true, options?) => ask(on ? "PUT" : "DELETE", "messages", `${id}/reactions/${encodeURIComponent(emoji)}`, options),
    event: async (event, data, options) => tell({ type: "event", channel: name, event, data: data && JSON.parse(serialize(data)) as Data }, options),
    typing() {
      const now = env.now()
      if (Math.abs(now - typed) < typingEvery) return
      typed = now
      tell({ type: "typing", channel: name }).catch(() => {})
    },
    async markRead(id, options) {
      if (id <= read) return undefined
      read = id
      try {
        return (await ask<{ unread: number }>("POST", "channels", "read", options, { id })).unread
      } catch (e) {
        if (read === id) read = 0
        throw e
      }
    },
    presence: options => ask("GET", "channels", "presence", options),
    start_(from) {
      if (cursor !== undefined || from?.after === undefined) return
      cursor = origin = from.after
      epoch = from.epoch
      outbox.release_(name)
    },
    forget_() {
      cursor = epoch = welcomed = refused = undefined
      origin = ahead = read = 0
      emit("reset", { type: "reset", channel: name, reason: "user", first_id: 0, last_id: 0 })
    },
    refuse_(why) {
      refused = why
      outbox.release_(name)
      emit("refused", why)
    },
    accept_(frame, sure = false) {
      const { type } = frame
      if (type === "welcome") welcome(frame as unknown as Welcome)
      else if (type === "reset") reset(frame as unknown as Reset)
      else if (type === "message" || type === "message-changed") take(frame as unknown as Entry, sure)
      else emit(type as "system", frame as unknown as ChannelEvents["system"]) // nobody listens to what is not known
    },
  }
  return self
}
