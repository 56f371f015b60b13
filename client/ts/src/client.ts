import { catchUp } from "./catchup.js"
import { createChannel, type Channel, type Core, type Told } from "./channel.js"
import { createCredentials, type CredentialOptions } from "./credentials.js"
import { emitter } from "./emitter.js"
import { hostEnv, type Env } from "./env.js"
import { ParleyError } from "./error.js"
import { guard, type Part } from "./guard.js"
import { createHttp } from "./http.js"
import { createLink } from "./link.js"
import { within } from "./limit.js"
import { createOutbox, type OutboxConfig } from "./outbox.js"
import { openLongPoll, openPoll } from "./polls.js"
import { openSSE } from "./sse.js"
import type { Store } from "./store.js"
import type { Tabs, TabsConfig } from "./tabs.js"
import { timer } from "./timer.js"
import type * as Extras from "./extras.js"
import type { Ack, CallOptions, ConnectionState, Data, EventData, Frame, Inbox, Message, Outgoing, SavedPosition, TransportName, Way } from "./types.js"
import { openWebSocket } from "./websocket.js"

export interface ClientOptions extends CredentialOptions {
  /** What may be used, best first. Default: websocket, sse, long-poll, poll. */
  transports?: readonly TransportName[]
  /** The tabs of a site share one connection, where the browser can (Web Locks, BroadcastChannel). */
  shareTabs?: boolean
  /** Where messages wait until they are acknowledged: `memory` (default), `indexeddb`, or a store of one's own. */
  storage?: "memory" | "indexeddb" | Store
  /** Tries in a row after which the client gives up. Default: it never does. */
  maxRetries?: number
  /** What comes from outside, or a part of it, such as `{ WebSocket }`. Default: the browser or runtime that this runs in. */
  env?: Partial<Env>
}

/** What a client tells, by name. */
export interface ClientEvents {
  state: ConnectionState
  /** One of this client's messages changed its state, in any channel. */
  outbox: Outgoing
  /** Another user has signed in: what was shown to the one before is not for this one. */
  user: string
  /** The browser refused something, which the client does without from now on. Each part is reported once. */
  lost: { part: Part; why: unknown }
}

/** The transports, best first. */
const ways = { websocket: openWebSocket, sse: openSSE, "long-poll": openLongPoll, poll: openPoll }

/**
 * A client of one parley server, for one user. It connects when a channel is listened to,
 * keeps one connection for all channels, and stays connected until `close`.
 */
export interface Client {
  /** How the client is connected. `on("state")` tells each change. */
  readonly state: ConnectionState
  /** Whom the token is for, or the user that was named; "" while that is not known. */
  readonly user: string
  /** A channel; always the same object. `after`: the last id that was seen, 0 for all that is kept. Default: from now on. */
  channel<D extends object = Data, E extends object = EventData>(name: string, from?: SavedPosition): Channel<D, E>
  /** The user's own channel: notifications are its messages; `unread`, `member-added` and `member-removed` its events. */
  notifications(): Channel
  /** The caller's channels, newest first, a page at a time; with `all` the public ones that could be joined. */
  inbox(query?: { next?: string; all?: boolean } & CallOptions): Promise<Inbox>
  /** Any other request of docs/api.md, with the caller's credentials. Returns what the JSON of the answer holds. */
  request(method: string, path: string, body?: object, options?: CallOptions): Promise<unknown>
  /** Calls back with each event of this name, until the returned function is called. */
  on<K extends keyof ClientEvents>(name: K, listener: (value: ClientEvents[K]) => void): () => void
  /** Uses one transport only from now on, or, without a name, again those of the options. */
  use(transport?: TransportName): void
  /** Drops the connection, as a network would; the client comes back by itself. */
  cut(): void
  /** Reconnects at once, also after a refusal. */
  reconnect(): void
  /** Ends the connection and all waiting. Messages that were not acknowledged reject, and stay in the storage. */
  close(): void
}

function createClient(url: string, { env: given, transports = Object.keys(ways) as TransportName[], shareTabs, storage, maxRetries = Infinity, ...who }: ClientOptions): Client {
  const env: Env = { ...hostEnv(), ...given }
  const { on, emit_: emit } = emitter<ClientEvents>()
  const credentials = createCredentials(env, who)
  const http_ = createHttp(url, env, credentials, () => link.wake_(true))
  const channels = new Map<string, Channel>()
  const followed = new Set<Channel>()
  const life = new AbortController()
  const changed = timer(env)
  const memory = `parley ${http_.base_}`
  const lost = (part: Part, why: unknown): undefined => void queueMicrotask(() => emit("lost", { part, why }))
  const sharable = shareTabs && (env.locks && env.BroadcastChannel || lost("tabs", "missing"))
  const factory = storage === "indexeddb" ? env.indexedDB || lost("storage", "missing") : undefined
  let shown: ConnectionState = { status: "idle" }
  let forced: TransportName | undefined // by use
  let tabs: Tabs | undefined
  let sharing = "" // the name under which the tabs share
  let joining = false // what they need for that is being loaded
  let extras: Promise<typeof Extras> | undefined
  let user = credentials.user // whose channels these are

  const safe = guard(lost)
  const load = (): Promise<typeof Extras> => extras ??= within(env, env.extras as () => Promise<typeof Extras>)

  /** Uses the transports that there are now. */
  const use = (): void => link.use(tabs && !tabs.leads_ ? ["tab"] : (forced ? [forced] : transports).filter(w => w !== "websocket" || env.WebSocket))

  /** Follows what is listened to here and in other tabs. Waits a moment for more of the kind. */
  const update = (): void => {
    if (!life.signal.aborted) changed(0, () => {
      const others = tabs?.names_ ?? new Set()
      for (const name of others) client.channel(name)
      for (const c of channels.values()) c.wanted_ || others.has(c.name) ? followed.add(c) : followed.delete(c)
      link.update_()
    })
  }

  const told = (state: ConnectionState): void => {
    tabs?.tell_({ state })
    if (state.status === "connected") restore()
    outbox.flush_()
    shown = tabs ? { ...state, leader: tabs.leads_ } : state
    emit("state", shown)
    for (const c of channels.values()) c.emit_("state", shown)
  }

  const take_ = (frame: Frame): void => {
    tabs?.tell_({ frame })
    const { type, channel = "", key } = frame
    const room = channels.get(channel)
    switch (type) {
      case "ack":
        if (key) outbox.ack_(channel, key, frame as unknown as Ack)
        return
      case "error":
        if (key) outbox.refuse_(key, ParleyError.of(frame))
        return
      case "token-expiring":
        return void credentials.renew_().catch(() => {}) // then the close says so
      case "forbidden":
        room?.refuse_(ParleyError.of(frame))
        return update()
      case "more":
        return room && behind(room)
      case "unread": // these name the channel that they are about, not the one they came by
      case "member-added":
      case "member-removed":
        for (const c of followed) if (c.name.startsWith("@")) c.accept_(frame)
        return
      case "message":
        if (key && (!client.user || frame.user === client.user)) outbox.ack_(channel, key, frame as unknown as Message)
    }
    if (room && followed.has(room)) room.accept_(frame)
  }

  /** The leader's connection may be one that takes no frames, so this is asked in its tab too. */
  const tell: Core["tell_"] = async (frame, options) => {
    if (!link.send(frame) && frame.channel)
      await http_.json_("POST", `/api/channels/${encodeURIComponent(frame.channel)}/${frame.event ? "events" : "typing"}`, frame, options)
  }

  const behind = (channel: Channel): void => catchUp(env, http_, channel, life.signal)

  /** How to send a message: over the WebSocket of this tab, else by POST, but not while there is no connection. */
  const way_: OutboxConfig["way_"] = name => {
    const { status, transport } = link.state
    if (/ing|closed/.test(status)) return undefined // connecting, waiting
    if (status !== "refused" && channels.get(name)?.unplaced_) return "hold"
    return status === "connected" && transport === "websocket" && tabs?.leads_ !== false ? link.send : "post"
  }

  /** Takes up what an earlier page left, once it is known for whom. */
  const restore = (): void => {
    void (credentials.user ? Promise.resolve() : credentials.token()).then(outbox.restore_, () => {})
  }

  /** Shares a connection with the tabs of the same user, once it is sure who that is. Reports whether that changed. */
  const share = (): boolean => {
    const name = sharable && credentials.proven_ ? `${memory} ${credentials.user}` : ""
    if (name === sharing) return false
    sharing = name
    unshare()
    joining = !!name
    if (name) void Promise.resolve(safe("tabs", async () => {
      const { createTabs } = await load()
      if (name === sharing && !life.signal.aborted) tabs = createTabs(sharedAs(name))
    })).then(() => {
      if (name !== sharing) return
      joining = false
      use()
      link.update_()
    })
    return true
  }

  const sharedAs = (name: string): TabsConfig => ({
    env, name, link_: link, outbox_: outbox, followed_: followed, error: ParleyError,
    lead() {
      use()
      told(link.state)
    },
    wanted_: update,
    send: frame => tell(frame as Told).catch(() => {}),
    fail(why) {
      safe("tabs", () => { throw why })
      unshare()
      use()
    },
  })

  const unshare = (): void => {
    tabs?.close()
    tabs = undefined
  }

  const outbox = createOutbox({
    env, http_: http_, way_: way_,
    guard_: safe,
    store_: typeof storage === "object" ? async () => storage : factory && (async () => (await load()).indexedStore(factory)),
    user: () => credentials.user,
    changed_(item) {
      channels.get(item.channel)?.emit_("outbox", item)
      emit("outbox", item)
      if (item.state === "acknowledged") tabs?.acked(item)
    },
  })
  const link = createLink({
    env, maxRetries,
    http_: createHttp(url, env, credentials), // what it asks says nothing about a return of the network
    take_: take_,
    who_: credentials,
    ways_: { ...ways, tab: host => tabs!.follow_(host) },
    recall_: () => safe("session", () => env.session?.getItem(memory)) as Way | undefined,
    remember_: way => void safe("session", () => env.session?.setItem(memory, way)),
    seen_: () => tabs?.seen_ ?? env.visible(),
    wanted_: () => joining ? [] : [...followed].filter(c => !c.refused).map(c => c.position_),
    changed_: told,
    dropped_: outbox.dropped_,
  })

  const client: Client = {
    on,
    get state() { return shown },
    get user() { return credentials.user },
    channel(name, from) {
      let channel = channels.get(name)
      if (!channel) channels.set(name, channel = createChannel(name, { env, http_: http_, tell_: tell, outbox, behind_: behind, listens_: update }))
      channel.start_(from)
      return channel as Channel<never, never>
    },
    notifications() {
      if (!client.user) throw new ParleyError("bad_request", "no user")
      return client.channel("@" + client.user)
    },
    inbox: ({ signal, ...query } = {}) => http_.json_("GET", "/api/channels", undefined, { query_: query, signal }),
    request: http_.json_,
    use(transport) {
      forced = transport
      use()
    },
    cut: link.cut,
    reconnect: link.reconnect,
    close() {
      if (life.signal.aborted) return
      life.abort()
      unlisten()
      changed()
      tabs?.close()
      for (const part of [link, outbox, credentials]) part.close()
    },
  }

  credentials.onToken_ = (token, first) => {
    const was = user
    user = credentials.user
    const other = was && was !== user
    if (other) for (const c of channels.values()) c.forget_()
    if (!share() && !other) return first || link.renewed_(token)
    use()
    if (other) emit("user", user)
    restore()
    outbox.flush_()
  }
  share()
  use()
  const unlisten = env.listen(what => {
    if (what === "pagehide") return tabs?.leave_()
    if (what === "visible" || what === "hidden") tabs ? tabs.look_() : link.send({ type: "visibility", state: what })
    if (what === "hidden") return
    link.wake_(what !== "visible")
    outbox.flush_()
  })
  restore()
  return client
}

/** `url`: the server, such as `https://chat.example.com` or `location.origin`. */
export const Client = function (url: string, options: ClientOptions = {}): Client {
  return Object.setPrototypeOf(createClient(url, options), Client.prototype) as Client
} as unknown as new (url: string, options?: ClientOptions) => Client
