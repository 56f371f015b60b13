import { Backoff } from "./backoff.js"
import type { Env } from "./env.js"
import { ParleyError } from "./error.js"
import { patience, type Http } from "./http.js"
import type { Store, Stored } from "./store.js"
import type { Ack, Draft, Outgoing } from "./types.js"

export interface OutboxConfig {
  env: Env
  http: Http
  store: Store | undefined
  user(): string
  /** How to send now: as a frame, by POST, or not at all. */
  way(): ((frame: object) => void) | "post" | undefined
  changed(item: Outgoing): void
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

interface Item extends Mutable<Outgoing> {
  seq: number
  framed?: boolean // it went as a frame, whose fate is the connection's
  limit?: unknown // timer of the answer
  done?: Promise<Ack>
  resolve?: (ack: Ack) => void
  reject?: (why: ParleyError) => void
}

/** The messages of one channel, in their order, and when the first may be tried again. */
interface Lane { items: Item[]; backoff: Backoff; timer?: unknown }

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

  /** Takes up what an earlier page left. Nothing is sent before. */
  async restore(scope: string): Promise<void> {
    this.#scope = scope
    if (this.#restored) return
    const kept = await this.#cfg.store?.load(scope).catch(() => []) ?? []
    for (const { channel, key, text, data, thread, error, seq } of kept.sort((a, b) => b.seq - a.seq)) {
      const lane = this.#lane(channel)
      if (lane.items.some(i => i.key === key)) continue
      lane.items.unshift({ channel, key, user: this.#cfg.user(), text, data, thread, error, seq, state: error ? "failed" : "queued" })
      this.#seq = Math.max(this.#seq, seq)
    }
    this.#restored = true
    for (const lane of this.#lanes.values()) for (const item of lane.items) {
      this.#keep(item)
      this.#cfg.changed(copy(item))
    }
    this.flush()
  }

  /** Sends a message. Resolves when it is durable, rejects when it is refused for good or discarded. */
  publish(channel: string, draft: Draft): Promise<Ack> {
    const { env } = this.#cfg
    const lane = this.#lane(channel)
    const key = draft.key ?? env.unique()
    const known = lane.items.find(i => i.key === key)
    if (known?.done && known.state !== "failed") return known.done
    if (known) lane.items.splice(lane.items.indexOf(known), 1)
    this.#seq = Math.max(this.#seq + 1, env.now())
    const item: Item = { channel, key, user: this.#cfg.user(), text: draft.text, data: draft.data, thread: draft.thread, seq: this.#seq, state: "queued" }
    item.done = new Promise((resolve, reject) => Object.assign(item, { resolve, reject }))
    item.done.catch(() => {}) // who does not ask hears it from the outbox event
    lane.items.push(item)
    this.#keep(item)
    this.#cfg.changed(copy(item))
    this.#pump(lane)
    return item.done
  }

  /** What is not yet acknowledged in a channel, in order. */
  list(channel: string): Outgoing[] {
    return this.#lane(channel).items.map(copy)
  }

  /** Forgets a message that is not under way. Tells whether it did. */
  discard(channel: string, key: string): boolean {
    const lane = this.#lane(channel)
    const item = lane.items.find(i => i.key === key && i.state !== "sent")
    if (!item) return false
    this.#remove(lane, item)
    item.reject?.(new ParleyError("closed", "the message was discarded"))
    return true
  }

  /** A message of ours is durable: its ack came, or the message itself. */
  ack(channel: string, key: string, ack: Ack): void {
    const lane = this.#lanes.get(channel)
    const item = lane?.items.find(i => i.key === key)
    if (!lane || !item) return
    this.#remove(lane, item)
    this.#set(item, { state: "acknowledged", id: ack.id, timestamp: ack.timestamp, error: undefined })
    item.resolve?.(ack)
    lane.backoff.reset()
    this.#pump(lane)
  }

  /** The server answered with an error. Frames name the key, not always the channel. */
  refuse(key: string, why: ParleyError, channel?: string): void {
    for (const lane of this.#lanes.values()) {
      const item = lane.items.find(i => i.key === key && i.state === "sent" && i.channel === (channel ?? i.channel))
      if (!item) continue
      this.#cfg.env.clearTimeout(item.limit)
      if (!why.terminal) {
        this.#set(item, { state: "queued" })
        this.#again(lane, why.retryAfter)
        continue
      }
      this.#set(item, { state: "failed", error: { code: why.code, message: why.message } })
      this.#keep(item)
      item.reject?.(why)
      this.#pump(lane)
    }
  }

  /** The connection is lost: what went over it goes again. */
  dropped(): void {
    for (const { items } of this.#lanes.values())
      for (const item of items) if (item.state === "sent" && item.framed) this.#requeue(item)
  }

  /** There is a connection, or a reason to hope: tries at once. */
  flush(): void {
    for (const lane of this.#lanes.values()) {
      this.#cfg.env.clearTimeout(lane.timer)
      lane.timer = undefined
      this.#pump(lane)
    }
  }

  /** Ends. What a store keeps is sent by the next client. */
  close(): void {
    for (const lane of this.#lanes.values()) {
      this.#cfg.env.clearTimeout(lane.timer)
      for (const item of lane.items) {
        this.#cfg.env.clearTimeout(item.limit)
        item.reject?.(new ParleyError("closed", "the client was closed"))
      }
    }
    this.#lanes.clear()
  }

  #lane(channel: string): Lane {
    let lane = this.#lanes.get(channel)
    if (!lane) this.#lanes.set(channel, lane = { items: [], backoff: new Backoff(this.#cfg.env.random) })
    return lane
  }

  #pump(lane: Lane): void {
    const item = lane.items.find(i => i.state !== "failed")
    if (!this.#restored || lane.timer !== undefined || item?.state !== "queued") return
    const way = this.#cfg.way()
    if (!way) return
    const { channel, key, text, data, thread } = item
    item.framed = way !== "post"
    this.#set(item, { state: "sent" })
    if (way !== "post") {
      item.limit = this.#cfg.env.setTimeout(() => {
        this.#requeue(item)
        this.#pump(lane)
      }, patience)
      return way({ type: "message", channel, text, data, thread, key })
    }
    this.#cfg.http.ask("POST", "/api/messages", { body: { channel_id: channel, text, data, thread, key } }).then(
      ({ status, json }) => {
        const { id, timestamp } = json as Ack
        this.ack(channel, key, { id, timestamp, duplicate: status === 200 })
      },
      (e: ParleyError) => this.refuse(key, e, channel))
  }

  #requeue(item: Item): void {
    this.#cfg.env.clearTimeout(item.limit)
    this.#set(item, { state: "queued" })
  }

  #again(lane: Lane, asked: number): void {
    lane.timer = this.#cfg.env.setTimeout(() => {
      lane.timer = undefined
      this.#pump(lane)
    }, lane.backoff.next(asked))
  }

  #set(item: Item, change: Partial<Mutable<Outgoing>>): void {
    this.#cfg.changed(copy(Object.assign(item, change)))
  }

  #keep(item: Item): void {
    if (!this.#restored) return // restore does
    const { channel, key, text, data, thread, seq, error } = item
    const kept: Stored = { id: this.#id(item), scope: this.#scope, seq, channel, key }
    void this.#cfg.store?.put(Object.assign(kept, { text, data, thread, error })).catch(() => {})
  }

  #remove(lane: Lane, item: Item): void {
    this.#cfg.env.clearTimeout(item.limit)
    lane.items.splice(lane.items.indexOf(item), 1)
    void this.#cfg.store?.remove(this.#id(item)).catch(() => {})
  }

  #id(item: Item): string {
    return `${this.#scope} ${item.channel} ${item.key}`
  }
}

/** What others may see of it. */
function copy({ channel, key, user, text, data, thread, state, error, id, timestamp }: Item): Outgoing {
  return { channel, key, user, text, data, thread, state, error, id, timestamp }
}
