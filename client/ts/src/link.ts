import { Backoff } from "./backoff.js"
import type { Credentials } from "./credentials.js"
import type { Env } from "./env.js"
import { ParleyError, silence } from "./error.js"
import type { Http } from "./http.js"
import { Timer } from "./timer.js"
import type { Host, Open, Stream } from "./stream.js"
import type { ConnectionState, Frame, Position, Way } from "./types.js"

/** All in milliseconds: how long a transport has to show that it works, at first and at most; */
const probe = 5_000, longProbe = 20_000
/** after how long a connection counts as calm; between two looks whether it is alive; */
const calm = 10_000, beat = 30_000
/** and when something better is tried, at first and at most. */
const soonBetter = 10_000, lateBetter = 600_000
/** How often in a row a transport that has worked may fail before others are tried. */
const forgiven = 5

export interface LinkConfig {
  env: Env
  http: Http
  credentials: Credentials
  open: Record<Way, Open>
  /** Where to remember what worked. */
  memory: string
  maxRetries: number
  wanted(): Position[]
  frame(frame: Frame): void
  /** The state has changed. */
  state(state: ConnectionState): void
  /** Frames that were sent may not have arrived. */
  dropped(): void
}

interface Attempt {
  way: Way
  stream?: Stream
  live: boolean
  over: boolean
  calm: boolean
  timer: Timer // the probe's, then that of calm
  trip?: number
}

/**
 * The connection: picks a transport, replaces it when it is lost, and by a better one when
 * that works. It has no cursors: each transport asks for them, so a switch loses nothing.
 *
 *     idle ──wanted──▶ connecting ──first frame──▶ connected
 *                        ▲   │ failed: next transport,     │ lost
 *                        │   ▼ or all have                 ▼
 *                        └─ waiting ◀──────────────────────┘      refused: terminal
 *
 * A better transport, or a fresh one of the same kind, is opened beside the current one and
 * takes its place with its first frame.
 */
export class Link {
  state: ConnectionState = { status: "idle" }
  readonly #cfg: LinkConfig
  readonly #backoff: Backoff
  readonly #proven = new Set<Way>()
  #order: readonly Way[] = []
  #at = 0 // in #order
  #strikes = 0 // failures in a row, without calm between
  #current: Attempt | undefined
  #rival: Attempt | undefined // opened beside the current one
  #notBefore = 0 // the server asked for it
  #doubt = false // the current one is to be opened anew, if nothing better is
  readonly #next: Timer // try
  readonly #beat: Timer
  readonly #better: Timer
  #betterWait = soonBetter

  constructor(cfg: LinkConfig) {
    this.#cfg = cfg
    this.#backoff = new Backoff(cfg.env.random)
    this.#next = new Timer(cfg.env)
    this.#beat = new Timer(cfg.env)
    this.#better = new Timer(cfg.env)
  }

  /** Uses these from now on, best first, and connects anew if it was connected or about to. */
  use(order: readonly Way[]): void {
    this.#order = order
    const worked = this.#cfg.env.session?.getItem(this.#cfg.memory) as Way | null | undefined
    if (worked) this.#proven.add(worked)
    this.#at = Math.max(0, order.indexOf(worked as Way))
    this.#strikes = 0
    if (this.state.status !== "idle") this.reconnect()
  }

  /** The wanted channels have changed. */
  update(): void {
    const { status } = this.state
    if (status === "closed" || status === "refused" && !this.#current) return
    if (!this.#cfg.wanted().length) this.#stop({ status: "idle" })
    else if (status === "idle") this.#connect()
    else for (const a of [this.#current, this.#rival]) a?.stream?.update()
  }

  /**
   * Somebody looks again: tries at once what waits, and asks what is open whether it is
   * alive. `doubt`: the network or the page was away; what can't be asked is opened anew.
   */
  wake(doubt: boolean): void {
    if (this.state.status === "waiting" && !this.#current && this.#cfg.env.now() >= this.#notBefore) return this.#connect()
    if (!this.#current?.live) return
    this.#current.stream?.check?.()
    this.#doubt = doubt && !this.#current.stream?.send
    if (doubt && this.#at > 0 || this.#doubt) this.#compete(0)
  }

  /** Begins anew, whatever the state. */
  reconnect(): void {
    if (this.state.status === "closed") return
    this.#stop({ status: "idle" })
    this.#backoff.reset()
    this.update()
  }

  /** Loses the connection, as a network would. */
  cut(): void {
    if (this.#current) this.#lost(this.#current, new ParleyError("gone", "the connection was cut"))
  }

  /** Sends a frame if that is possible now. */
  send(frame: object): boolean {
    const stream = this.#current?.live ? this.#current.stream : undefined
    stream?.send?.(frame)
    return stream?.send !== undefined
  }

  /** There is a new token: it is shown to the server, or taken to it by a new stream. */
  token(token: string): void {
    if (!this.send({ type: "auth", token }) && this.#current?.live) this.#compete(this.#at)
  }

  close(): void {
    this.#stop({ status: "closed" })
  }

  #connect(): void {
    this.#next.clear()
    const way = this.#order[this.#at]
    if (!way) return this.#refuse(new ParleyError("bad_request", "no transport is left"))
    this.#set({ status: "connecting", transport: way, error: this.state.error })
    this.#current = this.#begin(way)
  }

  #begin(way: Way): Attempt {
    const { env, http, open, wanted } = this.#cfg
    const a: Attempt = { way, live: false, over: false, calm: false, timer: new Timer(env) }
    a.timer.set(Math.min(probe * (1 + this.#backoff.tries), longProbe),
      () => host.lost(silence()))
    const host: Host = {
      env, http, wanted,
      frame: f => {
        host.alive()
        if (!a.over) this.#cfg.frame(f)
      },
      alive: () => {
        if (!a.over && !a.live) this.#live(a)
      },
      trip: ms => {
        a.trip = ms
        if (a === this.#current && a.live) this.#set({ ...this.state, roundTrip: ms })
      },
      shared: state => {
        if (!a.over) this.#set(state)
      },
      lost: why => {
        if (!a.over) this.#lost(a, why)
      },
    }
    a.stream = open[way](host)
    return a
  }

  #live(a: Attempt): void {
    const { env, credentials, memory } = this.#cfg
    a.live = true
    this.#doubt = false
    a.timer.set(calm, () => {
      a.calm = true
      this.#strikes = 0
      this.#backoff.reset()
    })
    if (a === this.#rival) {
      this.#rival = undefined
      if (this.#current) {
        this.#end(this.#current)
        this.#cfg.dropped()
      }
      this.#current = a
    }
    if (a.way !== "tab") {
      this.#at = Math.max(0, this.#order.indexOf(a.way))
      this.#proven.add(a.way)
      if (this.#order.length > 1) env.session?.setItem(memory, a.way)
    }
    credentials.accepted()
    this.#set({ status: "connected", transport: a.way, ...a.trip !== undefined && { roundTrip: a.trip } })
    this.#watch()
    this.#planBetter()
  }

  /** Looks now and then whether the connection is alive. */
  #watch(): void {
    this.#beat.set(beat, () => {
      this.#current?.stream?.check?.()
      this.#watch()
    })
  }

  /** Plans to try what is better than the transport in use. */
  #planBetter(): void {
    this.#better.clear()
    if (this.#at === 0) return void (this.#betterWait = soonBetter)
    this.#better.set(this.#betterWait, () => this.#compete(0))
    this.#betterWait = Math.min(this.#betterWait * 2, lateBetter)
  }

  /** Opens a transport beside the current one, if none is being tried. */
  #compete(at: number): void {
    const way = this.#order[at]
    if (this.#rival || !way) return
    this.#better.clear()
    this.#rival = this.#begin(way)
  }

  #lost(a: Attempt, why: ParleyError): void {
    this.#end(a)
    if (a === this.#rival) {
      this.#rival = undefined
      const next = this.#order.indexOf(a.way) + 1
      if (next > 0 && next < this.#at + +this.#doubt) this.#compete(next)
      else this.#planBetter()
      return
    }
    this.#cfg.dropped()
    this.#current = this.#rival // it may come through
    this.#rival = undefined
    if (this.#current) return this.#set({ status: "connecting", transport: this.#current.way, error: why })
    if (why.code === "unauthorized") return this.#renew(why)
    if (why.terminal) return this.#refuse(why)
    if (!why.retryAfter && !a.calm && this.#advance(a)) return this.#connect()
    this.#wait(why)
  }

  /** Moves to the next transport if this one has failed too often. Tells whether to try that at once. */
  #advance(a: Attempt): boolean {
    if (++this.#strikes < forgiven && this.#proven.has(a.way)) return false
    this.#strikes = 0
    this.#at = (this.#at + 1) % this.#order.length
    return this.#at > 0
  }

  #wait(why: ParleyError): void {
    const { env, maxRetries } = this.#cfg
    if (this.#backoff.tries >= maxRetries) return this.#refuse(new ParleyError("gave_up", `${maxRetries} tries failed: ${why.message}`))
    this.#notBefore = env.now() + why.retryAfter
    const wait = this.#backoff.next(why.retryAfter)
    this.#next.set(wait, () => this.#connect())
    this.#set({ status: "waiting", transport: this.#order[this.#at], retryAt: env.now() + wait, error: why })
  }

  /** The token was refused: goes on with another, if there is one. */
  #renew(why: ParleyError): void {
    const { credentials } = this.#cfg
    this.#set({ ...this.state, status: "connecting", error: why })
    const renewing = this.state
    credentials.refused().then(
      () => { if (this.state === renewing) this.#wait(why) },
      (e: ParleyError) => { if (this.state === renewing) e.terminal ? this.#refuse(e) : this.#wait(e) })
  }

  #refuse(why: ParleyError): void {
    this.#stop({ status: "refused", error: why })
  }

  #stop(state: ConnectionState): void {
    for (const a of [this.#current, this.#rival]) if (a) this.#end(a)
    if (this.#current) this.#cfg.dropped()
    this.#current = this.#rival = undefined
    for (const timer of [this.#next, this.#beat, this.#better]) timer.clear()
    this.#set(state)
  }

  #end(a: Attempt): void {
    a.over = true
    a.timer.clear()
    a.stream?.close()
  }

  #set(state: ConnectionState): void {
    if (state.status === this.state.status && state.status === "idle") return
    this.state = state
    this.#cfg.state(state)
  }
}

