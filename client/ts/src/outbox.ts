import { backoff, type Backoff } from "./backoff.js"
import type { Env } from "./env.js"
import { failure, type ParleyError } from "./error.js"
import type { Guard } from "./guard.js"
import type { Http } from "./http.js"
import { fits, patience, serialize, within } from "./limit.js"
import type { Store } from "./store.js"
import { timer, type Timer } from "./timer.js"
import type { Ack, Data, Draft, Outgoing } from "./types.js"

/** The most bytes of a message's text, data and key (docs/api.md, "Errors"). */
const maxText = 16 << 10, maxData = 64 << 10, maxKey = 128

export interface OutboxConfig {
  env: Env
  http_: Http
  /** Opens what keeps messages. */
  store_: (() => Promise<Store>) | undefined
  user(): string
  /** Calls something that may fail; what is lost by that is reported once. */
  guard_: Guard
  /** How to send now: as a frame, by POST, or not at all. `hold`: not before it is known from where the channel is followed. */
  way_(channel: string): ((frame: object) => void) | "post" | "hold" | undefined
  changed_(message: Outgoing): void
}

/** An ack, or the message itself. */
type AckOrEcho = Omit<Ack, "duplicate"> & Partial<Ack>

interface Item {
  message_: Outgoing // replaced when its state changes
  seq?: number // once the store was read
  framed_?: boolean // it is under way as a frame, whose fate is the connection's
  post_?: boolean // a frame may be too small for it
  done_?: Promise<Ack>
  resolve_?: (ack: Ack) => void
  reject_?: (why: ParleyError) => void
}

/**
 * The messages of one channel, in their order. `timer`: when the first may be tried again, or must be answered.
 * `paused`: until the timer, or with `hold` until it is known from where the channel is followed; `late`: that took too long, and they go by POST.
 */
interface Lane { items_: Item[]; waits_: Backoff; timer_: Timer; paused_?: boolean | "hold"; late_?: boolean }

/**
 * Messages on their way out. In each channel one is under way at a time, so that they are
 * stored in the order they were published, whatever is refused or lost between. Each goes
 * with its key, again and again, until it is acknowledged, comes by, or is refused for good.
 *
 *     queued ──▶ sent ──▶ acknowledged
 *        ▲        │ └───▶ failed (stays until it is published again or discarded)
 *        └────────┘ no answer, lost, come back later
 *
 * A message belongs to the user who wrote it: it is sent and listed while that user is signed
 * in, and waits while another is. Messages are numbered in the order of publish, after those that the
 * store holds. Two tabs that restore the same messages both send them in the same order: stored once.
 */
export interface Outbox {
  /** Takes up what an earlier page left of the user's messages. Nothing is sent before. */
  restore_(): Promise<void>
  /** Sends a message. Resolves when it is durable, rejects when it is refused for good or discarded. */
  publish(channel: string, draft: Draft & { key: string }): Promise<Ack>
  /** What the user has in a channel that is not yet acknowledged, in order. */
  list_(channel: string): Outgoing[]
  /** Forgets a message that is not under way. Reports whether it did. */
  discard(channel: string, key: string): boolean
  /** A message of the user's is durable: its ack came, or the message itself. */
  ack_(channel: string, key: string, ack: AckOrEcho): void
  /** A frame was answered with an error, which names the key but not always the channel. */
  refuse_(key: string, why: ParleyError): void
  /** The connection is lost: what went over it goes again, by POST if the connection ended because a frame was too large. */
  dropped_(why?: ParleyError): void
  /** There is a connection, or a reason to hope: tries at once. */
  flush_(): void
  /** It may be known from where the channel is followed: its messages need not wait for that. */
  release_(channel: string): void
  /** Ends. What a store keeps is sent by the next client. */
  close(): void
}

export function createOutbox({ env, http_: http, store_: store, user, guard_: guard, way_: wayNow, changed_: changed }: OutboxConfig): Outbox {
  const lanes = new Map<string, Lane>()
  const restored = new Set<string>() // users
  let last = 0 // number

  const scope = (user: string): string => `${http.base_} ${user}`
  const id = ({ message_: { channel, key, user } }: Item): string => `${scope(user)} ${channel} ${key}`
  const keep = <T>(what: (store: Store) => Promise<T>): Promise<T | undefined> | undefined =>
    store && guard("storage", () => within(env, async () => what(await store!()))) as Promise<T | undefined>

  /** The message is the user's, or of the time before the user was known. */
  const own = ({ message_: message }: Item): boolean => !message.user || message.user === user()

  const laneOf = (channel: string): Lane => {
    let lane = lanes.get(channel)
    if (!lane) lanes.set(channel, lane = { items_: [], waits_: backoff(env.random), timer_: timer(env) })
    return lane
  }

  const find = (channel: string, key: string): Item | undefined => laneOf(channel).items_.find(i => i.message_.key === key && own(i))

  /** Changes a message, keeps it, and tells so. */
  const set = (item: Item, change: Partial<Outgoing>): void => {
    const { state } = item.message_
    const message = item.message_ = { ...item.message_, ...change }
    item.framed_ &&= message.state === "sent"
    if (restored.has(message.user) && (message.state !== "sent" && state !== "sent" || message.error)) { // being sent changes nothing about it
      const stored = { id: id(item), scope: scope(message.user), seq: item.seq ??= ++last, message }
      void keep(s => s.put(stored))
    }
    if (own(item)) changed(message)
  }

  const remove = (item: Item): void => {
    const { items_: items } = laneOf(item.message_.channel)
    items.splice(items.indexOf(item), 1)
    void keep(s => s.remove(id(item)))
  }

  const pump = (lane: Lane): void => {
    const item = lane.items_.find(i => own(i) && i.message_.state !== "failed")
    if (store && !restored.has(user()) || lane.paused_ || item?.message_.state !== "queued") return
    const { channel, key, text, data, thread } = item.message_
    const way = wayNow(channel)
    if (!way) return
    if (way === "hold" && !lane.late_) {
      lane.paused_ = way
      return lane.timer_(patience, () => {
        lane.late_ = true
        resume(lane)
      })
    }
    set(item, { state: "sent" })
    if (typeof way === "function" && !item.post_) try {
      item.framed_ = true
      lane.timer_(patience, () => {
        set(item, { state: "queued" })
        pump(lane)
      })
      return way({ type: "message", channel, text, data, thread, key })
    } catch { /* by POST, which may be larger */ }
    item.framed_ = false
    lane.timer_()
    const still = (): boolean => lane.items_.includes(item) // it may have come by, and its key be used again
    http.ask_("POST", "/api/messages", { user: item.message_.user, body: { channel_id: channel, text, data, thread, key } }).then(
      ({ status_: status, json_: json }) => still() && acked(item, { ...json as Ack, duplicate: status === 200 }),
      (e: ParleyError) => still() && refused(item, e))
  }

  const acked = (item: Item, { id, timestamp, duplicate = false }: AckOrEcho): void => {
    const lane = laneOf(item.message_.channel)
    lane.timer_()
    remove(item)
    item.message_ = { ...item.message_, state: "acknowledged", id, timestamp, error: undefined }
    changed(item.message_)
    item.resolve_?.({ id, timestamp, duplicate })
    lane.waits_.tries_ = 0
    pump(lane)
  }

  const refused = (item: Item, why: ParleyError): void => {
    const lane = laneOf(item.message_.channel)
    lane.timer_()
    if (why.terminal) {
      set(item, { state: "failed", error: { code: why.code, message: why.message } })
      item.reject_?.(why)
      return pump(lane)
    }
    set(item, { state: "queued" })
    lane.paused_ = true
    lane.timer_(lane.waits_.next(why.retryAfter), () => resume(lane))
  }

  const resume = (lane: Lane): void => {
    if (lane.paused_) lane.timer_()
    lane.paused_ = false
    pump(lane)
  }

  const flush = (): void => {
    for (const lane of lanes.values()) resume(lane)
  }

  return {
    flush_: flush,
    release_(channel) {
      const lane = laneOf(channel)
      if (lane.paused_ === "hold") resume(lane)
    },
    async restore_() {
      const who = user()
      if (restored.has(who)) return
      const kept = await keep(s => s.load(scope(who)))
      if (restored.has(who)) return
      restored.add(who)
      if (!kept) store = undefined // its numbers are not known
      for (const { seq, message } of kept?.sort((a, b) => b.seq - a.seq) ?? []) {
        if (!find(message.channel, message.key))
          laneOf(message.channel).items_.unshift({ seq, message_: { ...message, user: who, state: message.error ? "failed" : "queued" } })
        last = Math.max(last, seq)
      }
      for (const { items_: items } of lanes.values()) for (const item of items) if (own(item)) set(item, { user: who })
      flush()
    },
    publish(channel, { key, text, data, thread }) {
      const lane = laneOf(channel)
      const known = find(channel, key)
      if (known?.done_ && known.message_.state !== "failed") return known.done_
      if (known) remove(known)
      const item: Item = { message_: { channel, key, user: user(), text, thread, state: "queued" } }
      const done = item.done_ = new Promise((resolve_, reject_) => Object.assign(item, { resolve_, reject_ }))
      done.catch(() => {}) // who does not ask hears it from the outbox event
      lane.items_.push(item)
      try {
        fits(key, maxKey)
        fits(text, maxText)
        if (data) data = JSON.parse(fits(serialize(data), maxData)) as Data // once: it may change, or not be JSON
        set(item, { data })
        pump(lane)
      } catch (e) {
        refused(item, e as ParleyError)
      }
      return done
    },
    list_: channel => laneOf(channel).items_.filter(own).map(i => i.message_),
    discard(channel, key) {
      const item = find(channel, key)
      if (!item || item.message_.state === "sent") return false
      remove(item)
      item.reject_?.(failure("closed"))
      return true
    },
    ack_(channel, key, ack) {
      const item = find(channel, key)
      if (item) acked(item, ack)
    },
    refuse_(key, why) {
      for (const channel of lanes.keys()) {
        const item = find(channel, key)
        if (item?.message_.state === "sent") refused(item, why)
      }
    },
    dropped_(why) {
      for (const { items_: items, timer_: timer } of lanes.values()) for (const item of items) if (item.framed_) {
        item.post_ ||= why?.status === 1009
        timer()
        set(item, { state: "queued" })
      }
    },
    close() {
      for (const { items_: items, timer_: timer } of lanes.values()) {
        timer()
        for (const item of items) item.reject_?.(failure("closed"))
      }
      lanes.clear()
    },
  }
}
