import type { ParleyError } from "./error.js"

// The shapes of the wire (docs/api.md), as the client hands them on. Ids count from 1
// in each channel, without gaps. Timestamps are seconds since 1970 with microseconds.

/** The four ways to read, best first: `websocket`, `sse`, `long-poll`, `poll`. */
export type TransportName = "websocket" | "sse" | "long-poll" | "poll"

/** What a connection is made of: a transport, or another tab's connection. */
export type Way = TransportName | "tab"

/** An application's own JSON object, at most 64 KiB. */
export type Data = Record<string, unknown>

/** One emoji on a message; `users` lists at most 20 of those who gave it. */
export interface Reaction { count: number; users: string[] }

/** What a call that waits may be given. */
export interface CallOptions {
  /** Ends the waiting: the call rejects with the signal's reason. */
  signal?: AbortSignal
}

/** Where a channel stands: what to keep, and to pass back when the program starts again. It can be kept as JSON. */
export interface SavedPosition {
  /** The id of the last entry that was delivered, 0 for all that is kept; undefined: from now on. */
  after?: number
  /** The store in which that id counts. */
  epoch?: string
}

/** The names of an application's events, each with the type of its data. */
export type EventData = Record<string, Data | undefined>

/** A stored message, with data of type D. One that was deleted has `deleted` and neither text, data nor reactions. */
export interface Message<D extends object = Data> {
  type: "message"
  id: number
  channel: string
  user: string
  /** What people read, if it differs from `user`. */
  name?: string
  /** At most 16 KiB of UTF-8. */
  text?: string
  data?: D
  /** The id of the message that this one replies to. */
  thread?: number
  /** How many replies there are, if it was asked for by `thread`. */
  replies?: number
  timestamp: number
  /** The sender's idempotency key: how its optimistic copy is found again. */
  key?: string
  /** There, and true, once it was edited. */
  edited?: boolean | number
  deleted?: boolean
  reactions?: Record<string, Reaction>
}

/** An entry of the log that changed an earlier message. */
export interface MessageChanged<D extends object = Data> {
  type: "message-changed"
  id: number
  channel: string
  /** Who changed it. */
  user: string
  timestamp: number
  /** The id of the message that was changed. */
  of: number
  change: "edit" | "delete" | "reaction"
  /** The message as it was after this change. */
  message: Message<D>
}

/** What has an id, is stored, and is delivered once and in order. */
export type Entry<D extends object = Data> = Message<D> | MessageChanged<D>

/** What is to be published: text, data or both. `key` (≤ 128 bytes) is made if it is left out. */
export type Draft<D extends object = Data> = ({ text: string; data?: D } | { text?: undefined; data: D }) & { thread?: number; key?: string }

/** Says that a message is durable. `duplicate`: its key was used before, this is the first message. */
export interface Ack { id: number; timestamp: number; duplicate: boolean }

/**
 * A message on its way out: `queued` (waits for a connection or its turn), `sent` (no
 * answer yet), `acknowledged` (durable; `id` and `timestamp` are there) or `failed`
 * (refused for good; `error` says why, and publishing again with its key tries again).
 */
export interface Outgoing<D extends object = Data> {
  readonly channel: string
  readonly key: string
  readonly user: string
  readonly text?: string
  readonly data?: D
  readonly thread?: number
  readonly state: "queued" | "sent" | "acknowledged" | "failed"
  readonly error?: { readonly code: string; readonly message: string }
  readonly id?: number
  readonly timestamp?: number
}

/** A connection has begun (or come back) to follow a channel after `cursor`. */
export interface Welcome {
  type: "welcome"
  channel: string
  cursor: number
  /** The head; over polls what the first answer reaches. */
  last_id: number
  /** The first id that is kept; polls don't tell. */
  first_id?: number
  epoch: string
  resumed: boolean
}

/**
 * What lay between the cursor and what follows is not delivered. `expired`: entries go on
 * with `first_id`; `ahead` and `epoch` (the store lost messages or began again): after
 * `last_id`. `gap`: the server left out what came before `first_id`; it should not happen.
 * `user`: another user has signed in; what was shown is not theirs.
 */
export interface Reset {
  type: "reset"
  channel: string
  reason: "expired" | "ahead" | "epoch" | "gap" | "user"
  first_id: number
  last_id: number
}

/** user-joined, user-left, typing. */
export interface Person { type: string; channel: string; user: string; name?: string }

/** Someone's read pointer moved to `id`. */
export interface Read { type: "read"; channel: string; user: string; id: number }

/** Above 100 online in a channel, every 2 s; above 5,000 only `count`. */
export interface PresenceChange { type: "presence"; channel: string; joined?: string[]; left?: string[]; count: number }

/** An application's own event. It is not stored and may be dropped. */
export type AppEvent<E extends object = EventData> = {
  [K in keyof E & string]: { type: "event"; event: K; channel: string; user: string; name?: string } & (undefined extends E[K] ? { data?: E[K] } : { data: E[K] })
}[keyof E & string]

/** A line of text from the server, such as "alice disconnected". */
export interface System { type: "system"; channel: string; text: string; user?: string; name?: string }

/** On a user's own channel: the counts of one of their channels, and the sum of all unread. */
export interface Unread { type: "unread"; channel: string; unread: number; mentions: number; total: number }

/** On a user's own channel: they became a member of `channel`, or are one no longer. */
export interface Membership { type: "member-added" | "member-removed"; channel: string; user?: string }

/** Who is in a channel now; `truncated`: `users` does not list all of `count`. */
export interface Presence {
  count: number
  users: { user: string; since: number; transports: TransportName[] }[]
  truncated: boolean
}

/** What a member may do: `owner` and `admin` administer, `reader` does not write. */
export type MemberRole = "owner" | "admin" | "member" | "reader"

/** A member of a channel. `joined`: seconds since 1970. */
export interface Member { user: string; role: MemberRole; read_id: number; joined: number }

/** One of the caller's channels. `last_id` is its head, `read_id` the caller's read pointer. */
export interface InboxEntry {
  channel: string
  title?: string
  kind?: "public" | "members"
  role?: MemberRole
  last_id?: number
  unread?: number
  mentions?: number
  read_id?: number
  /** What is not pushed: everything, or with "mentions" all but what mentions the user. */
  muted?: boolean | "mentions"
  last_message?: Message
}

/** A page of the inbox, newest first; `next` asks for the following one. */
export interface Inbox { channels: InboxEntry[]; next?: string }

/**
 * A page of history, ascending. Give `before` to the next call while there is `more`. It shows all
 * changes up to the entry `last`, and maybe later ones.
 */
export interface Page<D extends object = Data> { messages: Message<D>[]; before: number; more: boolean; last: number }

/** How the client is connected. */
export interface ConnectionState {
  /**
   * `idle`: nothing is followed. `connecting`, `connected`. `waiting` for `retryAt`.
   * `refused`: for good, `error` says why. `closed` by the application.
   */
  status: "idle" | "connecting" | "connected" | "waiting" | "refused" | "closed"
  /** The one in use or being tried; `tab` until the tab that leads has told its own. */
  transport?: Way
  /** When the next try is due, in milliseconds since 1970, while `waiting`. */
  retryAt?: number
  /** Why the last connection ended, until there is one again. */
  error?: ParleyError
  /** The latest round trip in milliseconds. */
  roundTrip?: number
  /** With shareTabs: whether this tab holds the connection of all. */
  leader?: boolean
}

/** What a channel tells, by name. */
export interface ChannelEvents<D extends object = Data, E extends object = EventData> {
  /** A new message. `subscribe` is the same. */
  message: Message<D>
  /** A message was edited, deleted or reacted to. */
  changed: MessageChanged<D>
  "user-joined": Person
  "user-left": Person
  presence: PresenceChange
  typing: Person
  read: Read
  event: AppEvent<E>
  system: System
  reset: Reset
  subscribed: Welcome
  state: ConnectionState
  /** One of this client's messages changed its state. */
  outbox: Outgoing<D>
  /** The server does not let the caller follow this channel. A new listener asks again. */
  refused: ParleyError
  /** On a user's own channel only, as the two below: see `Client.notifications`. */
  unread: Unread
  "member-added": Membership
  "member-removed": Membership
}

/** A frame as it came. What the client does not know it ignores. */
export interface Frame {
  readonly type: string
  readonly channel?: string
  readonly id?: number
  readonly key?: string
  readonly [field: string]: unknown
}

/** Where a channel stands: the last id that was seen, in which epoch. */
export interface Position { readonly name: string; readonly cursor?: number; readonly epoch?: string }
