import { backoff } from "./backoff.js"
import type { Credentials } from "./credentials.js"
import type { Env } from "./env.js"
import { failure, ParleyError } from "./error.js"
import type { Http } from "./http.js"
import { timer, type Timer } from "./timer.js"
import type { Host, Open, Stream } from "./stream.js"
import type { ConnectionState, Frame, Position, Way } from "./types.js"

/** All in milliseconds: how long a transport that is being opened may show nothing; */
const probe = 5_000
/** after how long a connection counts as calm; between two looks whether it is alive; */
const calm = 10_000, beat = 30_000
/** and when something better is tried, at first and at most. */
const soonBetter = 10_000, lateBetter = 600_000
/** How often in a row a transport that has worked may fail before others are tried. */
const forgiven = 5

export interface LinkConfig {
  env: Env
  http_: Http
  who_: Credentials
  ways_: Record<Way, Open>
  /** What worked in this session of the page, and that this way did. */
  recall_(): Way | null | undefined
  remember_(way: Way): void
  maxRetries: number
  /** Does somebody look at what this is the connection of? */
  seen_(): boolean
  wanted_(): Position[]
  take_(frame: Frame): void
  /** The state has changed. */
  changed_(state: ConnectionState): void
  /** Frames that were sent may not have arrived. */
  dropped_(why?: ParleyError): void
}

interface Attempt {
  way_: Way
  stream_?: Stream
  live_?: boolean
  over_?: boolean
  calm_?: boolean
  timer_: Timer // the probe's, then that of calm
  trip_?: number // its round trip
  token_?: string // the last one that it showed to the server
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
export interface Link {
  state: ConnectionState
  /** Uses these from now on, best first, and reconnects if it was connected or connecting. */
  use(order: readonly Way[]): void
  /** The wanted channels have changed. */
  update_(): void
  /**
   * Somebody looks again: tries at once what waits, and asks what is open whether it is
   * alive. `doubt`: the network or the page was away; what can't be asked is opened again, and the waits begin with short ones.
   */
  wake_(doubt: boolean): void
  /** Starts over, whatever the state. */
  reconnect(): void
  /** Loses the connection, as a network would. */
  cut(): void
  /** Sends a frame if that is possible now. */
  send(frame: object): boolean
  /** There is a new token: it is shown to the server, or taken to it by a new stream. */
  renewed_(token: string): void
  close(): void
}

export function createLink(cfg: LinkConfig): Link {
  const { env, who_: who, wanted_: wanted, maxRetries } = cfg
  const waits = backoff(env.random)
  const proven = new Set<Way>()
  const next = timer(env), pulse = timer(env), better = timer(env)
  let order: readonly Way[] = []
  let at = 0 // in order
  let strikes = 0 // failures in a row, without calm between
  let current: Attempt | undefined
  let rival: Attempt | undefined // opened beside the current one
  let notBefore = 0 // the server asked for it
  let doubtful = false // the current one must be reopened, unless a better one is available
  let betterWait = soonBetter

  const set = (state: ConnectionState): void => {
    if (state.status === link.state.status && state.status === "idle") return
    link.state = state
    cfg.changed_(state)
  }

  const end = (a?: Attempt): void => {
    if (!a) return
    a.over_ = true
    a.timer_()
    a.stream_?.close()
  }

  const stop = (state: ConnectionState): void => {
    end(current)
    end(rival)
    cfg.dropped_()
    current = rival = undefined
    for (const plan of [next, pulse, better]) plan()
    set(state)
  }

  const refuse = (error: ParleyError): void => stop({ status: "refused", error })

  const connect = (): void => {
    next()
    const way = order[at]
    if (!way) return refuse(new ParleyError("bad_request", "no transport"))
    set({ status: "connecting", transport: way, error: link.state.error })
    current = begin(way)
  }

  const begin = (way: Way): Attempt => {
    const a: Attempt = { way_: way, timer_: timer(env) }
    const fail = (why: ParleyError): void => lost(a, why)
    const alive_ = (): void => live(a)
    const hope_ = (): void => {
      if (!a.over_ && !a.live_) a.timer_(probe, () => fail(failure("timeout")))
    }
    who.token().then(hope_, hope_) // the application's time is not the transport's
    const host: Host = {
      ...cfg, alive_: alive_, hope_: hope_,
      take_: f => {
        alive_()
        if (!a.over_) cfg.take_(f)
      },
      trip_: roundTrip => {
        a.trip_ = roundTrip
        if (a === current && a.live_) set({ ...link.state, roundTrip })
      },
      shared_: state => {
        if (!a.over_) set(state)
      },
      lost_: fail,
    }
    a.stream_ = cfg.ways_[way](host)
    return a
  }

  const live = (a: Attempt): void => {
    if (a.over_ || a.live_) return
    const { way_: way, trip_: roundTrip } = a
    a.live_ = true
    a.token_ ??= who.current_
    doubtful = false
    a.timer_(calm, () => {
      a.calm_ = true
      strikes = waits.tries_ = 0
    })
    if (a === rival) {
      rival = undefined
      if (current) {
        end(current)
        cfg.dropped_()
      }
      current = a
    }
    if (way !== "tab") {
      at = Math.max(0, order.indexOf(way))
      proven.add(way)
      if (order.length > 1) cfg.remember_(way)
    }
    who.accepted_(a.token_)
    set({ status: "connected", transport: way, roundTrip })
    watch()
    planBetter()
  }

  /** Looks now and then whether the connection is alive. */
  const watch = (): void => pulse(beat, () => {
    current?.stream_?.check_?.()
    watch()
  })

  /** Plans to try what is better than the transport in use. */
  const planBetter = (): void => {
    better()
    if (!at) return void (betterWait = soonBetter)
    better(betterWait, () => compete(0))
    betterWait = Math.min(betterWait * 2, lateBetter)
  }

  /** Opens a transport beside the current one, if none is being tried. */
  const compete = (at: number): void => {
    const way = order[at]
    if (rival || !way) return
    better()
    rival = begin(way)
  }

  const lost = (a: Attempt, why: ParleyError): void => {
    if (a.over_) return
    end(a)
    if (a === rival) {
      rival = undefined
      const next = order.indexOf(a.way_) + 1
      return next > 0 && next < at + +doubtful ? compete(next) : planBetter()
    }
    cfg.dropped_(why)
    current = rival // it may come through
    rival = undefined
    if (current) return set({ status: "connecting", transport: current.way_, error: why })
    if (why.code === "unauthorized") return renew(a, why)
    if (why.terminal) return refuse(why)
    if (!why.retryAfter && !a.calm_ && advance(a)) return connect()
    wait(why)
  }

  /** Moves to the next transport if this one has failed too often. Reports whether to try that at once. */
  const advance = (a: Attempt): boolean => {
    if (++strikes < forgiven && proven.has(a.way_)) return false
    strikes = 0
    at = (at + 1) % order.length
    return at > 0
  }

  const wait = (error: ParleyError): void => {
    const { retryAfter, message } = error
    if (waits.tries_ >= maxRetries) return refuse(new ParleyError("gave_up", `gave up after ${maxRetries} attempts: ${message}`))
    notBefore = env.now() + retryAfter
    const ms = waits.next(retryAfter)
    next(ms, connect)
    set({ status: "waiting", transport: order[at], retryAt: env.now() + ms, error })
  }

  /** The token was refused: goes on with another, if there is one. */
  const renew = ({ token_: token }: Attempt, why: ParleyError): void => {
    set({ ...link.state, status: "connecting", error: why })
    const renewing = link.state
    who.renew_(token ?? who.current_ ?? "", why.retryAfter).then(
      () => why, (e: ParleyError) => e).then(e => {
      if (link.state === renewing) e !== why && e.terminal ? refuse(e) : wait(e)
    })
  }

  const link: Link = {
    state: { status: "idle" },
    use(ways) {
      order = ways
      const worked = cfg.recall_()
      if (worked) proven.add(worked)
      at = Math.max(0, order.indexOf(worked!))
      strikes = 0
      if (link.state.status !== "idle") link.reconnect()
    },
    update_() {
      const { status } = link.state
      if (status === "closed" || status === "refused" && !current) return
      if (!wanted().length) stop({ status: "idle" })
      else if (status === "idle") connect()
      else for (const a of [current, rival]) a?.stream_?.update_()
    },
    wake_(doubt) {
      if (doubt) waits.tries_ = 0 // what is being tried may fail for the last time
      if (link.state.status === "waiting" && !current && env.now() >= notBefore) return connect()
      if (!current?.live_) return
      current.stream_!.check_?.()
      doubtful = doubt && !current.stream_!.send
      if (doubt && at > 0 || doubtful) compete(0)
    },
    reconnect() {
      if (link.state.status === "closed") return
      stop({ status: "idle" })
      waits.tries_ = 0
      who.accepted_()
      link.update_()
    },
    cut() {
      if (current) lost(current, failure("gone"))
    },
    send(frame) {
      const stream = current?.live_ ? current.stream_ : undefined
      stream?.send?.(frame)
      return !!stream?.send
    },
    renewed_(token) {
      if (link.send({ type: "auth", token })) current!.token_ = token
      else if (current?.live_) compete(at)
    },
    close: () => stop({ status: "closed" }),
  }
  return link
}
