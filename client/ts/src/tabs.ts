import type { Channel } from "./channel.js"
import type { Env } from "./env.js"
import type { ParleyError } from "./error.js"
import type { Link } from "./link.js"
import type { Outbox } from "./outbox.js"
import type { Host, Stream } from "./stream.js"
import { timer } from "./timer.js"
import type { Ack, ConnectionState, Frame, Outgoing, Position } from "./types.js"

/** How often the lock may be stolen in a row without a word from the other tabs. */
const mostSteals = 3
/** How long the tab with the connection may take to answer, in milliseconds. */
const answerLimit = 3_000

/** What tabs tell each other. */
type Note =
  | { hi: string; want: string[]; seen: boolean } // a tab is there, wants these channels, and somebody looks at it or not
  | { bye: string }
  | { send: object } // to the server, please
  | { lead: true } // this tab has the connection now
  | { state: ConnectionState; at?: Position[] } // of the connection; where the channels stand
  | { frame: Frame } // came from the server
  | { acked: Outgoing } // is durable; the other tabs may hold a copy of it

export interface TabsConfig {
  env: Env
  /** The same for tabs that share: server and user. */
  name: string
  /** This tab has the connection from now on, or has it no longer. */
  lead(): void
  /** The channels that other tabs want have changed. */
  wanted_(): void
  /** Sends what another tab wants to be sent. */
  send(frame: object): void
  readonly link_: Link
  readonly outbox_: Outbox
  /** The channels that are followed here. */
  readonly followed_: ReadonlySet<Channel>
  /** The browser does not let the tabs share. */
  fail(why: unknown): void
  /** The class of errors that the client's users know: this part of the client may be another file than the one that has it. */
  readonly error: typeof ParleyError
}

/**
 * Lets the tabs of a site share one connection. Who gets the lock leads: it connects for all
 * and passes on every frame. The others' channels keep cursors of their own, so that when the
 * leader dies the next one, and everybody after it, goes on where it was.
 *
 * Each tab holds a lock of its own as long as it lives. The leader asks for those of the others: if it
 * gets one, that tab has ended, also if it crashed, and what it wanted and whether it was looked at no longer counts.
 */
export interface Tabs {
  readonly leads_: boolean
  /** The channels that other tabs want. */
  readonly names_: Set<string>
  /** Whether somebody looks at one of the tabs that this one connects for, or at this one. */
  readonly seen_: boolean
  /** This tab is shown now, or hidden. */
  look_(): void
  /** Passes on what the leader learned. */
  tell_(note: { frame: Frame } | { state: ConnectionState }): void
  /** Passes on that a message of the user's is durable. */
  acked(message: Outgoing): void
  /** The stream of a tab that does not lead. */
  follow_(host: Host): Stream
  /** The page goes away; should it come back, its stream says hi again. */
  leave_(): void
  close(): void
}

export function createTabs(cfg: TabsConfig): Tabs {
  const { env } = cfg
  const name = `${cfg.name} 2` // tabs that run an older version, whose notes are others, share without this one
  const id = env.unique()
  const others = new Map<string, { want: string[]; seen: boolean }>() // by tab
  const watched = new Set<string>() // tabs whose locks this one waits for
  const releases: (() => void)[] = []
  const over = new AbortController()
  const { signal } = over
  const air = new env.BroadcastChannel!(name)
  let leads = false
  let looked = true // what the server knows
  let hello = (): void => {} // tells the leader of this tab
  let follower: ((note: Note) => void) | undefined
  let steals = 0 // since the last word
  const timeout = (): ParleyError => new cfg.error("timeout", "the tab with the connection did not respond")

  /** An error that is cloned loses its code, so it goes as plain fields. */
  const post = (note: Note): void => {
    if (signal.aborted) return
    const { error } = "state" in note ? note.state : {} as ConnectionState
    try {
      air.postMessage(error ? { ...note, state: { ...(note as { state: object }).state, error: { code: error.code, message: error.message } } } : note)
    } catch (e) {
      fail(e)
    }
  }

  const fail = (why: unknown): void => {
    if (signal.aborted) return
    over.abort()
    cfg.fail(why)
  }

  /** Holds a lock from when it gets it until the tab closes. */
  const hold = async (lock: string, options: { signal?: AbortSignal; steal?: boolean }, held: () => void): Promise<void> => {
    await undefined // held is not called before createTabs returns
    return env.locks!.request(lock, options, () => new Promise(resolve => {
      releases.push(resolve)
      signal.aborted ? resolve() : held()
    }))
  }

  const elect = (options: { signal?: AbortSignal; steal?: boolean }): void => {
    if (!signal.aborted) hold(name, options, () => lead(true)).catch(e => {
      if (!leads) return fail(e)
      lead(false) // another tab has stolen the lock
      elect({ signal })
    })
  }

  const lockOf = (tab: string): string => `${name} ${tab}`
  const lives = new Promise<void>(held => void hold(lockOf(id), { signal }, held).catch(fail))

  /** Forgets another tab when its lock is free. */
  const watch = async (tab: string): Promise<void> => {
    if (watched.has(tab)) return
    watched.add(tab)
    await env.locks!.request(lockOf(tab), { signal }, async () => {})
    watched.delete(tab)
    gone(tab)
  }

  const gone = (tab: string): void => {
    if (others.delete(tab)) changed()
  }

  /** What the others want, or who is looked at, has changed. */
  const changed = (): void => {
    look()
    cfg.wanted_()
  }

  /** Tells the server whether somebody looks, if that has changed. A connection that opens says it itself. */
  const look = (): void => {
    if (looked !== tabs.seen_) cfg.send({ type: "visibility", state: tabs.seen_ ? "visible" : "hidden" })
    looked = tabs.seen_
  }

  const lead = (now: boolean): void => {
    if (leads === now || signal.aborted) return
    leads = now
    others.clear()
    looked = tabs.seen_
    cfg.lead()
    if (now) post({ lead: true })
  }

  air.onmessage = ({ data }) => {
    const note = data as Note
    steals = 0
    if ("acked" in note) return cfg.outbox_.ack_(note.acked.channel, note.acked.key, note.acked as unknown as Ack)
    if (!leads) return follower?.(note)
    if ("send" in note) return cfg.send(note.send)
    if ("bye" in note) return gone(note.bye)
    if (!("hi" in note)) return
    others.set(note.hi, note)
    watch(note.hi).catch(fail)
    post({
      state: cfg.link_.state,
      at: [...cfg.followed_].filter(c => note.want.includes(c.name) && c.cursor !== undefined).map(c => c.position_),
    })
    changed()
  }
  elect({ signal })

  const tabs: Tabs = {
    get leads_() { return leads },
    get names_() { return new Set([...others.values()].flatMap(tab => tab.want)) },
    get seen_() { return env.visible() || [...others.values()].some(tab => tab.seen) },
    look_() {
      leads ? look() : hello()
    },
    tell_(note) {
      if (leads) post(note)
    },
    acked: acked => post({ acked }),
    follow_(host) {
      const limit = timer(env)
      const hi = hello = (): void => void lives.then(() => post({ hi: id, want: host.wanted_().map(p => p.name), seen: env.visible() }))
      const check = (): void => {
        limit(answerLimit, () => {
          if (env.visible()) { // the other's page is frozen: nobody looks at it
            if (++steals > mostSteals) return fail(timeout())
            elect({ steal: true })
          }
          host.lost_(timeout())
        })
        hi()
      }
      follower = note => {
        limit()
        if ("lead" in note) return check()
        if ("frame" in note) return host.take_(note.frame)
        if (!("state" in note)) return
        host.alive_()
        const { status, error } = note.state // a leader without a connection is about to have one
        host.shared_({
          ...note.state, leader: false,
          status: status === "idle" || status === "closed" ? "connecting" : status,
          error: error && new cfg.error(error.code, error.message),
        })
        for (const { name, cursor, epoch } of note.at ?? [])
          host.take_({ type: "welcome", channel: name, cursor, last_id: cursor, epoch, resumed: true })
      }
      check()
      return {
        update_: hi, check_: check,
        send: frame => post({ send: frame }),
        close() {
          limit()
          follower = undefined
          hello = () => {}
        },
      }
    },
    leave_() {
      if (!leads) post({ bye: id })
    },
    close() {
      tabs.leave_()
      leads = false
      over.abort()
      for (const release of releases) release()
      air.close()
    },
  }
  return tabs
}
