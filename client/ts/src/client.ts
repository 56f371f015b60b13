import { catchUp } from "./catchup.js"
import { Channel, type Core } from "./channel.js"
import { Credentials, type CredentialOptions } from "./credentials.js"
import { Emitter } from "./emitter.js"
import { hostEnv, type Env } from "./env.js"
import { ParleyError } from "./error.js"
import { Http } from "./http.js"
import { IndexedStore } from "./indexedstore.js"
import { Link } from "./link.js"
import { Outbox } from "./outbox.js"
import { openLongPoll, openPoll } from "./polls.js"
import { openSSE } from "./sse.js"
import type { Store } from "./store.js"
import { Tabs } from "./tabs.js"
import { Timer } from "./timer.js"
import type { Ack, ConnectionState, Frame, Inbox, Message, Outgoing, TransportName, Way } from "./types.js"
import { WebSocketStream } from "./websocket.js"

export interface ClientOptions extends CredentialOptions {
  /** What may be used, best first. Default: websocket, sse, long-poll, poll. */
  transports?: readonly TransportName[]
  /** The tabs of a site share one connection, where the browser can (Web Locks, BroadcastChannel). */
  shareTabs?: boolean
  /** Where messages wait until they are acknowledged: `memory` (default), `indexeddb`, or a store of one's own. */
  storage?: "memory" | "indexeddb" | Store
  /** Tries in a row after which the client gives up. Default: it never does. */
  maxRetries?: number
  /** What comes from outside. Default: the browser or runtime that this runs in. */
  env?: Env
}

/** What a client tells, by name. */
export interface ClientEvents {
  state: ConnectionState
  /** One of this client's messages changed its state, in any channel. */
  outbox: Outgoing
}

const all: readonly TransportName[] = ["websocket", "sse", "long-poll", "poll"]

/**
 * A client of one parley server, for one user. It connects when a channel is listened to,
 * keeps one connection for all channels, and stays connected until `close`.
 */
export class Client {
  readonly #env: Env
  readonly #credentials: Credentials
  readonly #http: Http
  readonly #link: Link
  readonly #outbox: Outbox
  readonly #tabs: Tabs | undefined
  readonly #events = new Emitter<ClientEvents>()
  readonly #channels = new Map<string, Channel>()
  readonly #followed = new Set<Channel>()
  readonly #life = new AbortController()
  readonly #core: Core
  readonly #unlisten: () => void
  readonly #ways: readonly TransportName[]
  #shown: ConnectionState = { status: "idle" }
  #forced: readonly TransportName[] | undefined // by use
  #restored: Promise<unknown> | undefined
  readonly #changed: Timer

  /** `url`: the server, such as `https://chat.example.com` or `location.origin`. */
  constructor(url: string, options: ClientOptions = {}) {
    const env = this.#env = options.env ?? hostEnv()
    this.#changed = new Timer(env)
    const credentials = this.#credentials = new Credentials(env, options)
    const http = this.#http = new Http(url, env, credentials)
    this.#ways = this.#usable(options.transports ?? all)
    const { storage } = options
    this.#outbox = new Outbox({
      env, http,
      store: typeof storage === "object" ? storage : storage === "indexeddb" && env.indexedDB ? new IndexedStore(env.indexedDB) : undefined,
      user: () => credentials.user,
      way: () => this.#way(),
      changed: item => {
        this.#channels.get(item.channel)?.emit("outbox", item)
        this.#events.emit("outbox", item)
      },
    })
    this.#link = new Link({
      env, http, credentials,
      open: {
        websocket: host => new WebSocketStream(host, credentials),
        sse: openSSE,
        "long-poll": openLongPoll,
        poll: openPoll,
        tab: host => this.#tabs!.open(host),
      },
      memory: `parley ${http.base}`,
      maxRetries: options.maxRetries ?? Infinity,
      wanted: () => [...this.#followed].filter(c => !c.refused).map(c => c.position),
      frame: f => this.#frame(f),
      state: s => this.#state(s),
      dropped: () => this.#outbox.dropped(),
    })
    this.#core = { env, http, link: this.#link, outbox: this.#outbox, listens: () => this.#update(), behind: c => this.#behind(c) }
    credentials.onToken = token => this.#link.token(token)
    if (options.shareTabs && env.locks && env.BroadcastChannel) this.#tabs = this.#share(`${http.base} ${credentials.user}`)
    this.#link.use(this.#order())
    this.#unlisten = env.listen(what => {
      if (what === "pagehide") return this.#tabs?.leave()
      if (what === "visible" || what === "hidden") this.#link.send({ type: "visibility", state: what })
      if (what === "hidden") return
      this.#link.wake(what !== "visible")
      this.#outbox.flush()
    })
    this.#restore()
  }

  /** How the client is connected. `on("state")` tells each change. */
  get state(): ConnectionState {
    return this.#shown
  }

  /** Whom the token is for, or the user that was named; "" while that is not known. */
  get user(): string {
    return this.#credentials.user
  }

  /** A channel; always the same object. `after`: the last id that was seen, 0 for all that is kept. Default: from now on. */
  channel(name: string, { after, epoch }: { after?: number; epoch?: string } = {}): Channel {
    let channel = this.#channels.get(name)
    if (!channel) this.#channels.set(name, channel = new Channel(name, this.#core))
    channel.start(after, epoch)
    return channel
  }

  /** The user's own channel: notifications are its messages; `unread`, `member-added` and `member-removed` its events. */
  notifications(): Channel {
    if (!this.user) throw new ParleyError("bad_request", "the client needs a user")
    return this.channel("@" + this.user)
  }

  /** The caller's channels, newest first, a page at a time; with `all` the public ones that could be joined. */
  async inbox(query: { next?: string; all?: boolean } = {}): Promise<Inbox> {
    return (await this.#http.ask("GET", "/api/channels", { query })).json as Inbox
  }

  /** Any other request of docs/api.md, with the caller's credentials. Returns what the JSON of the answer holds. */
  request(method: string, path: string, body?: object): Promise<unknown> {
    return this.#http.json(method, path, body)
  }

  /** Calls back with each event of this name, until the returned function is called. */
  on<K extends keyof ClientEvents>(name: K, listener: (value: ClientEvents[K]) => void): () => void {
    return this.#events.on(name, listener)
  }

  /** Uses one transport only from now on, or, without a name, again those of the options. */
  use(transport?: TransportName): void {
    this.#forced = transport && this.#usable([transport])
    this.#link.use(this.#order())
  }

  /** Drops the connection, as a network would; the client comes back by itself. */
  cut(): void {
    this.#link.cut()
  }

  /** Connects anew at once, also after a refusal. */
  reconnect(): void {
    this.#link.reconnect()
  }

  /** Ends the connection and all waiting. Messages that were not acknowledged reject, and stay in the storage. */
  close(): void {
    if (this.#life.signal.aborted) return
    this.#life.abort()
    this.#unlisten()
    this.#changed.clear()
    this.#tabs?.close()
    this.#link.close()
    this.#outbox.close()
    this.#credentials.close()
  }

  #usable(ways: readonly TransportName[]): readonly TransportName[] {
    return ways.filter(w => w !== "websocket" || this.#env.WebSocket)
  }

  #order(): readonly Way[] {
    return this.#tabs && !this.#tabs.leads ? ["tab"] : this.#forced ?? this.#ways
  }

  #share(name: string): Tabs {
    return new Tabs({
      env: this.#env,
      name: `parley ${name}`,
      lead: () => {
        this.#link.use(this.#order())
        this.#state(this.#link.state)
      },
      wanted: () => this.#update(),
      positions: names => [...this.#followed].filter(c => names.has(c.name) && c.cursor !== undefined).map(c => c.position),
      state: () => this.#link.state,
      send: frame => void this.#link.send(frame),
    })
  }

  /** Follows what is listened to here and in other tabs. Waits a moment for more of the kind. */
  #update(): void {
    if (this.#life.signal.aborted) return
    this.#changed.set(0, () => {
      const others = this.#tabs?.names ?? new Set<string>()
      for (const name of others) this.#followed.add(this.channel(name))
      for (const c of this.#channels.values()) c.wanted || others.has(c.name) ? this.#followed.add(c) : this.#followed.delete(c)
      this.#link.update()
    })
  }

  #state(state: ConnectionState): void {
    this.#tabs?.tell({ state })
    if (state.status === "connected") {
      this.#restore()
      this.#outbox.flush()
    }
    const leader = this.#tabs?.leads
    this.#shown = leader === undefined ? state : { ...state, leader }
    this.#events.emit("state", this.#shown)
    for (const c of this.#channels.values()) c.emit("state", this.#shown)
  }

  #frame(frame: Frame): void {
    this.#tabs?.tell({ frame })
    const { type, channel = "", key } = frame
    const room = this.#channels.get(channel)
    switch (type) {
      case "ack":
        if (key) this.#outbox.ack(channel, key, frame as unknown as Ack)
        return
      case "error":
        if (key) this.#outbox.refuse(key, ParleyError.of(frame))
        return
      case "token-expiring":
        return void this.#credentials.renew().catch(() => {}) // then the close says so
      case "forbidden":
        room?.refuse(ParleyError.of(frame))
        return this.#update()
      case "more":
        return room && this.#behind(room)
      case "unread": // these name the channel that they are about, not the one they came by
      case "member-added":
      case "member-removed":
        for (const c of this.#followed) if (c.name.startsWith("@")) c.accept(frame)
        return
      case "message":
        if (key && (!this.user || frame.user === this.user)) this.#outbox.ack(channel, key, frame as unknown as Message)
    }
    if (room && this.#followed.has(room)) room.accept(frame)
  }

  #behind(channel: Channel): void {
    catchUp(this.#env, this.#http, channel, this.#life.signal)
  }

  /** How to send a message: over the WebSocket of this tab, else by POST, but not while there is no connection. */
  #way(): ((frame: object) => void) | "post" | undefined {
    const { status, transport } = this.#link.state
    if (status === "connecting" || status === "waiting" || status === "closed") return undefined
    return status === "connected" && transport === "websocket" && this.#tabs?.leads !== false ? frame => void this.#link.send(frame) : "post"
  }

  /** Takes up what an earlier page left, once it is known for whom. */
  #restore(): void {
    const { user, tokens } = this.#credentials
    this.#restored ??= (user || !tokens ? Promise.resolve() : this.#credentials.token())
      .then(() => this.#outbox.restore(`${this.#http.base} ${this.#credentials.user}`), () => this.#restored = undefined)
  }
}
