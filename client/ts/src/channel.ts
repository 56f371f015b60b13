import { emitter } from "./emitter.js"
import type { Env } from "./env.js"
import type { ParleyError } from "./error.js"
import type { Http } from "./http.js"
import { iterate } from "./iterate.js"
import { serialize } from "./limit.js"
import type { Outbox } from "./outbox.js"
import type { Ack, ChannelEvents, Data, Draft, Entry, Frame, Message, Outgoing, Page, Position, Presence, Reset, Welcome } from "./types.js"

/** What a channel needs of its client. */
export interface Core {
  readonly env: Env
  readonly http_: Http
  readonly link_: { send(frame: object): boolean }
  readonly outbox: Outbox
  /** The channel is to be followed, or no longer. */
  listens_(): void
  /** There is more than what came: it is to be asked for. */
  behind_(channel: Channel): void
}

/** The server passes on one typing notice in this time, in milliseconds. */
const typingEvery = 2_000

/**
 * One channel: its cursor, who listens, and what can be done in it. It is followed while
 * somebody listens (`subscribe`, `messages`, `on`), each entry once and in order, over
 * whatever connections there are. Requests reject with a ParleyError.
 */
export interface Channel {
  readonly name: string
  /** The id of the last entry that was delivered; undefined until the channel is followed. */
  readonly cursor: number | undefined
  /** Why the server does not let the caller follow the channel, if so. */
  readonly refused: ParleyError | undefined
  /** Own messages that are not yet acknowledged, in order; also what an earlier page left in the storage. */
  readonly outbox: Outgoing[]
  /** Calls back with each new message, until the returned function is called. */
  subscribe(listener: (message: Message) => void): () => void
  /** Calls back with each event of this name, until the returned function is called. */
  on<K extends keyof ChannelEvents>(name: K, listener: (value: ChannelEvents[K]) => void): () => void
  /**
   * The new messages from now on: `for await (const m of room.messages())`. Ends when the client is
   * closed, throws when the server refuses. Leaving the loop ends it; what comes meanwhile is kept.
   */
  messages(): AsyncGenerator<Message, void, undefined>
  /** Sends a message, now or as soon as there is a connection. Resolves when it is durable. */
  publish(draft: Draft): Promise<Ack>
  /** Forgets an own message that is queued or failed. */
  discard(key: string): boolean
  /**
   * The newest messages, or those before the entry `before`, at most `limit` (50). If nothing
   * was delivered yet, without `before`, the channel then goes on after what this returns.
   */
  history(query?: { before?: number; limit?: number }): Promise<Page>
  /** A message, with the number of its `replies`, and at most `limit` of those after the entry `after`, ascending. */
  thread(id: number, query?: { after?: number; limit?: number }): Promise<Message[]>
  /** Replaces text and data of an own message. Returns it as it is now. */
  edit(id: number, change: { text?: string; data?: Data }): Promise<Message>
  delete(id: number): Promise<void>
  /** Adds the caller's reaction, or with `on` false takes it away. */
  react(id: number, emoji: string, on?: boolean): Promise<void>
  /** An application's own event to the others: not stored, may be dropped. `name`: a-z 0-9 . _ -, at most 64. */
  event(name: string, data?: Data): Promise<void>
  /** Tells the others that the user is typing: at most every two seconds, and only where frames can be sent. */
  typing(): void
  /** Moves the caller's read pointer forward. Returns what is unread then; undefined if it stood there already. */
  markRead(id: number): Promise<number | undefined>
  /** Who is here. */
  presence(): Promise<Presence>

  // What follows is for the client.

  /** @internal Whether to follow it, and from where. */
  readonly wanted_: boolean
  /** @internal */
  readonly position_: Position
  /** @internal Whether something came that does not follow from the cursor. */
  readonly ahead_: boolean
  /** @internal */
  start_(cursor: number | undefined, epoch: string | undefined): void
  /** @internal Another user has signed in: nothing that this channel knows is theirs. */
  forget_(): void
  /** @internal */
  emit_<K extends keyof ChannelEvents>(name: K, value: ChannelEvents[K]): void
  /** @internal */
  refuse_(why: ParleyError): void
  /** @internal Takes a frame about this channel. `sure`: it answers a question for what follows from the cursor. */
  accept_(frame: Frame, sure?: boolean): void
}

export function createChannel(name: string, { env, http_: http, link_: link, outbox, listens_: listens, behind_: behind }: Core): Channel {
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

  const ask = <T>(method: string, kind: "messages" | "channels", rest: string | number, body?: object): Promise<T> =>
    http.json_(method, `/api/${kind}/${encodeURIComponent(name)}/${rest}`, body)
  const entries = (query: Record<string, number | undefined>): ReturnType<Http["ask_"]> =>
    http.ask_("GET", "/api/messages", { query_: { channel_id: name, ...query } })

  /** It may begin after the cursor: if this is another tab's, or history set the cursor meanwhile. */
  const welcome = (w: Welcome): void => {
    welcomed = w.epoch
    self.start_(w.cursor, welcomed)
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
    get refused() { return refused },
    get outbox() { return outbox.list_(name) },
    get wanted_() { return listeners > 0 },
    get position_() { return { name, cursor, epoch } },
    get ahead_() { return ahead > (cursor ?? 0) },
    subscribe: listener => self.on("message", listener),
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
      }
    },
    messages: () => iterate(self),
    publish: draft => outbox.publish(name, draft),
    discard: key => outbox.discard(name, key),
    async history({ before, limit = 50 } = {}) {
      let messages: Message[] = [], more = true, last: number | undefined
      for (let n = limit, from = before; more && messages.length < limit; n = 1000) { // entries that are changes do not count
        const { json_: json, header_: header } = await entries({ before: from, limit: n })
        const page = json as Entry[]
        const head = header("Parley-Last-Id")
        last ??= +head
        if (from === undefined && head) {
          self.start_(last, header("Parley-Epoch") || undefined)
          if (last < origin && again++ < 3) return self.history({ limit }) // what came between this answer and the stream would be missing
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
    async thread(id, { after = 0, limit = 1000 } = {}) {
      return (await entries({ thread: id, after, limit })).json_ as Message[]
    },
    edit: (id, change) => ask("PATCH", "messages", id, change),
    delete: id => ask("DELETE", "messages", id),
    react: (id, emoji, on = true) => ask(on ? "PUT" : "DELETE", "messages", `${id}/reactions/${encodeURIComponent(emoji)}`),
    async event(event, data) {
      data = data && JSON.parse(serialize(data)) as Data
      if (!link.send({ type: "event", channel: name, event, data })) await ask("POST", "channels", "events", { event, data })
    },
    typing() {
      const now = env.now()
      if (Math.abs(now - typed) < typingEvery) return
      typed = now
      link.send({ type: "typing", channel: name })
    },
    async markRead(id) {
      if (id <= read) return undefined
      read = id
      try {
        return (await ask<{ unread: number }>("POST", "channels", "read", { id })).unread
      } catch (e) {
        if (read === id) read = 0
        throw e
      }
    },
    presence: () => ask("GET", "channels", "presence"),
    start_(at, of) {
      if (cursor !== undefined || at === undefined) return
      cursor = origin = at
      epoch = of
    },
    forget_() {
      cursor = epoch = welcomed = refused = undefined
      origin = ahead = read = 0
      emit("reset", { type: "reset", channel: name, reason: "user", first_id: 0, last_id: 0 })
    },
    refuse_(why) {
      refused = why
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
