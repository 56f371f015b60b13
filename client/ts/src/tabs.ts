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
  | { hi: string; want: string[] } // a tab is there and wants these channels
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
 */
export interface Tabs {
  readonly leads_: boolean
  /** The channels that other tabs want. */
  readonly names_: Set<string>
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
  const { env, name } = cfg
  const id = env.unique()
  const wants = new Map<string, string[]>() // by tab
  const over = new AbortController()
  const { signal } = over
  const air = new env.BroadcastChannel!(name)
  let leads = false
  let release = (): void => {}
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

  const elect = (options: { signal?: AbortSignal; steal?: boolean }): void => {
    if (signal.aborted) return
    Promise.resolve().then(() => env.locks!.request(name, options, () => new Promise(resolve => {
      release = resolve
      signal.aborted ? resolve() : lead(true)
    }))).catch(e => {
      if (!leads) return fail(e)
      lead(false) // another tab has stolen the lock
      elect({ signal })
    })
  }

  const lead = (now: boolean): void => {
    if (leads === now || signal.aborted) return
    leads = now
    wants.clear()
    cfg.lead()
    if (now) post({ lead: true })
  }

  air.onmessage = ({ data }) => {
    const note = data as Note
    steals = 0
    if ("acked" in note) return cfg.outbox_.ack_(note.acked.channel, note.acked.key, note.acked as unknown as Ack)
    if (!leads) return follower?.(note)
    if ("send" in note) return cfg.send(note.send)
    if ("bye" in note) wants.delete(note.bye)
    else if ("hi" in note) {
      wants.set(note.hi, note.want)
      post({
        state: cfg.link_.state,
        at: [...cfg.followed_].filter(c => note.want.includes(c.name) && c.cursor !== undefined).map(c => c.position_),
      })
    } else return
    cfg.wanted_()
  }
  elect({ signal })

  const tabs: Tabs = {
    get leads_() { return leads },
    get names_() { return new Set([...wants.values()].flat()) },
    tell_(note) {
      if (leads) post(note)
    },
    acked: acked => post({ acked }),
    follow_(host) {
      const limit = timer(env)
      let was = "" // the status of the leader's connection
      const hi = (): void => post({ hi: id, want: host.wanted_().map(p => p.name) })
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
        if (status === "connected" && was !== status && env.visible()) post({ send: { type: "visibility", state: "visible" } }) // the leader's page may be hidden
        was = status
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
      release()
      air.close()
    },
  }
  return tabs
}
