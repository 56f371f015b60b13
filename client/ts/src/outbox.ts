import { Backoff } from "./backoff.js"
import type { Env } from "./env.js"
import { ParleyError } from "./error.js"
import { patience, type Http } from "./http.js"
import type { Store } from "./store.js"
import { Timer } from "./timer.js"
import type { Ack, Draft, Outgoing } from "./types.js"

export interface OutboxConfig {
  env: Env
  http: Http
  store: Store | undefined
  user(): string
  /** How to send now: as a frame, by POST, or not at all. */
  way(): ((frame: object) => void) | "post" | undefined
  changed(message: Outgoing): void
}

/** An ack, or the message itself. */
type AckOrEcho = Omit<Ack, "duplicate"> & Partial<Ack>

interface Item {
  message: Outgoing // replaced when its state changes
  seq: number
  limit: Timer // of the answer
  framed?: boolean // it went as a frame, whose fate is the connection's
  done?: Promise<Ack>
  resolve?: (ack: Ack) => void
  reject?: (why: ParleyError) => void
}

/** The messages of one channel, in their order, and when the first may be tried again. */
interface Lane { items: Item[]; backoff: Backoff; pause: Timer }

/**
 * Messages on their way out. In each channel one is under way at a time, so that they are
 * stored in the order they were published, whatever is refused or lost between. Each goes
 * with its key, again and again, until it is acknowledged, comes by, or is refused for good.
 *
 *     queued ──▶ sent ──▶ acknowledged
 *        ▲        │ └───▶ failed (stays until it is published again or discarded)
 *        └────────┘ no answer, lost, come back later
 *
 * Two tabs that restore the same messages both send them in the same order: stored once.
 */
export class Outbox {
  readonly #cfg: OutboxConfig
  readonly #lanes = new Map<string, Lane>()
  #scope = ""
  #seq = 0
  #restored: boolean

  constructor(cfg: OutboxConfig) {
    this.#cfg = cfg
    this.#restored = !cfg.store
  }

  /** Takes up what an earlier page left. Nothing is sent before. `scope`: whose messages. */
  async restore(scope: string): Promise<void> {
    if (this.#restored) return
    this.#scope = scope
    const kept = await this.#cfg.store!.load(scope).catch(() => [])
    for (const { seq, message } of kept.sort((a, b) => b.seq - a.seq)) {
      const { items } = this.#lane(message.channel)
      if (!find(items, message.key)) items.unshift({ seq, message: { ...message, state: message.error ? "failed" : "queued" }, limit: new Timer(this.#cfg.env) })
      this.#seq = Math.max(this.#seq, seq)
    }
    this.#restored = true
    for (const { items } of this.#lanes.values()) for (const item of items) this.#set(item, {})
    this.flush()
  }

  /** Sends a message. Resolves when it is durable, rejects when it is refused for good or discarded. */
  publish(channel: string, { key = this.#cfg.env.unique(), text, data, thread }: Draft): Promise<Ack> {
    const { env, user } = this.#cfg
    const lane = this.#lane(channel)
    const known = find(lane.items, key)
    if (known?.done && known.message.state !== "failed") return known.done
    if (known) this.#remove(lane, known)
    const seq = this.#seq = Math.max(this.#seq + 1, env.now())
    const item: Item = { seq, message: { channel, key, user: user(), text, data, thread, state: "queued" }, limit: new Timer(env) }
    const done = item.done = new Promise((resolve, reject) => Object.assign(item, { resolve, reject }))
    done.catch(() => {}) // who does not ask hears it from the outbox event
    lane.items.push(item)
    this.#set(item, {})
    this.#pump(lane)
    return done
  }

  /** What is not yet acknowledged in a channel, in order. */
  list(channel: string): Outgoing[] {
    return this.#lane(channel).items.map(i => i.message)
  }

  /** Forgets a message that is not under way. Tells whether it did. */
  discard(channel: string, key: string): boolean {
    const lane = this.#lane(channel)
    const item = find(lane.items, key)
    if (!item || item.message.state === "sent") return false
    this.#remove(lane, item)
    item.reject?.(new ParleyError("closed", "the message was discarded"))
    return true
  }

  /** A message of ours is durable: its ack came, or the message itself. */
  ack(channel: string, key: string, { id, timestamp, duplicate = false }: AckOrEcho): void {
    const lane = this.#lane(channel)
    const item = find(lane.items, key)
    if (!item) return
    this.#remove(lane, item)
    item.message = { ...item.message, state: "acknowledged", id, timestamp, error: undefined }
    this.#cfg.changed(item.message)
    item.resolve?.({ id, timestamp, duplicate })
    lane.backoff.reset()
    this.#pump(lane)
  }

  /** The server answered with an error. Frames name the key, not always the channel. */
  refuse(key: string, why: ParleyError, channel?: string): void {
    for (const [name, lane] of this.#lanes) {
      const item = find(lane.items, key)
      if (item?.message.state !== "sent" || (channel ?? name) !== name) continue
      item.limit.clear()
      if (why.terminal) {
        this.#set(item, { state: "failed", error: { code: why.code, message: why.message } })
        item.reject?.(why)
        this.#pump(lane)
      } else {
        this.#set(item, { state: "queued" })
        lane.pause.set(lane.backoff.next(why.retryAfter), () => this.#pump(lane))
      }
    }
  }

  /** The connection is lost: what went over it goes again. */
  dropped(): void {
    for (const { items } of this.#lanes.values())
      for (const item of items) if (item.message.state === "sent" && item.framed) this.#set(item, { state: "queued" })
  }

  /** There is a connection, or a reason to hope: tries at once. */
  flush(): void {
    for (const lane of this.#lanes.values()) {
      lane.pause.clear()
      this.#pump(lane)
    }
  }

  /** Ends. What a store keeps is sent by the next client. */
  close(): void {
    for (const { items, pause } of this.#lanes.values()) {
      pause.clear()
      for (const item of items) {
        item.limit.clear()
        item.reject?.(new ParleyError("closed", "the client was closed"))
      }
    }
    this.#lanes.clear()
  }

  #lane(channel: string): Lane {
    let lane = this.#lanes.get(channel)
    if (!lane) this.#lanes.set(channel, lane = { items: [], backoff: new Backoff(this.#cfg.env.random), pause: new Timer(this.#cfg.env) })
    return lane
  }

  #pump(lane: Lane): void {
    const item = lane.items.find(i => i.message.state !== "failed")
    if (!this.#restored || lane.pause.waits || item?.message.state !== "queued") return
    const way = this.#cfg.way()
    if (!way) return
    const { channel, key, text, data, thread } = item.message
    item.framed = way !== "post"
    this.#set(item, { state: "sent" })
    if (way !== "post") {
      item.limit.set(patience, () => {
        this.#set(item, { state: "queued" })
        this.#pump(lane)
      })
      return way({ type: "message", channel, text, data, thread, key })
    }
    const still = (): boolean => lane.items.includes(item) // it may have come by, and its key be used again
    this.#cfg.http.ask("POST", "/api/messages", { body: { channel_id: channel, text, data, thread, key } }).then(
      ({ status, json }) => still() && this.ack(channel, key, { ...json as Ack, duplicate: status === 200 }),
      (e: ParleyError) => still() && this.refuse(key, e, channel))
  }

  /** Changes a message, keeps it, and tells so. */
  #set(item: Item, change: Partial<Outgoing>): void {
    const { state } = item.message
    const message = item.message = { ...item.message, ...change }
    if (message.state === "queued") item.limit.clear()
    if (this.#restored && message.state !== "sent" && state !== "sent" || message.error) // being sent changes nothing about it
      void this.#cfg.store?.put({ id: this.#id(item), scope: this.#scope, seq: item.seq, message }).catch(() => {})
    this.#cfg.changed(message)
  }

  #remove(lane: Lane, item: Item): void {
    item.limit.clear()
    lane.items.splice(lane.items.indexOf(item), 1)
    void this.#cfg.store?.remove(this.#id(item)).catch(() => {})
  }

  #id({ message: { channel, key } }: Item): string {
    return `${this.#scope} ${channel} ${key}`
  }
}

function find(items: Item[], key: string): Item | undefined {
  return items.find(i => i.message.key === key)
}
