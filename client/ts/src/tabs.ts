import type { Broadcast, Env } from "./env.js"
import { ParleyError, silence } from "./error.js"
import type { Host, Stream } from "./stream.js"
import { Timer } from "./timer.js"
import type { ConnectionState, Frame, Position } from "./types.js"

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

export interface TabsConfig {
  env: Env
  /** The same for tabs that share: server and user. */
  name: string
  /** This tab has the connection from now on, or has it no longer. */
  lead(leads: boolean): void
  /** The channels that other tabs want have changed. */
  wanted(): void
  /** Where these channels stand here. */
  positions(names: Set<string>): Position[]
  state(): ConnectionState
  send(frame: object): void
}

/**
 * Lets the tabs of a site share one connection. Who gets the lock leads: it connects for all
 * and passes on every frame. The others' channels keep cursors of their own, so that when the
 * leader dies the next one, and everybody after it, goes on where it was.
 */
export class Tabs {
  readonly #cfg: TabsConfig
  readonly #id: string
  readonly #air: Broadcast
  readonly #wants = new Map<string, string[]>() // by tab
  #leads = false
  #closed = false
  #release: (() => void) | undefined
  #stop = new AbortController()
  #follower: ((note: Note) => void) | undefined

  constructor(cfg: TabsConfig) {
    this.#cfg = cfg
    this.#id = cfg.env.unique()
    this.#air = new cfg.env.BroadcastChannel!(cfg.name)
    this.#air.onmessage = ({ data }) => this.#receive(data as Note)
    this.#elect({ signal: this.#stop.signal })
  }

  get leads(): boolean {
    return this.#leads
  }

  /** The channels that other tabs want. */
  get names(): Set<string> {
    return new Set([...this.#wants.values()].flat())
  }

  /** Passes on what the leader learned. */
  tell(note: { frame: Frame } | { state: ConnectionState }): void {
    if (this.#leads) this.#post(note)
  }

  /** The stream of a tab that does not lead. */
  open(host: Host): Stream {
    const limit = new Timer(host.env)
    const hi = (): void => this.#post({ hi: this.#id, want: host.wanted().map(p => p.name) })
    const check = (): void => {
      limit.set(answerLimit, () => {
        if (host.env.visible()) this.#elect({ steal: true }) // its page is frozen: nobody looks at it
        host.lost(silence())
      })
      hi()
    }
    this.#follower = note => {
      limit.clear()
      if ("lead" in note) return check()
      if ("frame" in note) return host.frame(note.frame)
      if (!("state" in note)) return
      host.alive()
      const { status, error } = note.state // a leader without a connection is about to have one
      host.shared({
        ...note.state, leader: false,
        status: status === "idle" || status === "closed" ? "connecting" : status,
        error: error && new ParleyError(error.code, error.message),
      })
      for (const { name, cursor, epoch } of note.at ?? [])
        host.frame({ type: "welcome", channel: name, cursor, last_id: cursor, epoch, resumed: true })
    }
    check()
    return {
      update: hi,
      check,
      send: frame => this.#post({ send: frame }),
      close: () => {
        limit.clear()
        this.#follower = undefined
      },
    }
  }

  /** The page goes away; should it come back, its stream says hi again. */
  leave(): void {
    if (!this.#leads) this.#post({ bye: this.#id })
  }

  close(): void {
    if (this.#closed) return
    this.leave()
    this.#closed = true
    this.#leads = false
    this.#release?.()
    this.#stop.abort()
    this.#air.close()
  }

  #elect(options: { signal?: AbortSignal; steal?: boolean }): void {
    if (this.#closed) return
    this.#cfg.env.locks!.request(this.#cfg.name, options, () => new Promise(release => {
      if (this.#closed) return release()
      this.#release = release
      this.#set(true)
    })).catch(() => {
      if (this.#closed || !this.#leads) return
      this.#set(false) // another tab has stolen the lock
      this.#elect({ signal: this.#stop.signal })
    })
  }

  #set(leads: boolean): void {
    if (this.#leads === leads) return
    this.#leads = leads
    this.#wants.clear()
    this.#cfg.lead(leads)
    if (leads) this.#post({ lead: true })
  }

  #receive(note: Note): void {
    if (!this.#leads) return this.#follower?.(note)
    if ("send" in note) return this.#cfg.send(note.send)
    if ("bye" in note) this.#wants.delete(note.bye)
    else if ("hi" in note) {
      this.#wants.set(note.hi, note.want)
      this.#post({ state: this.#cfg.state(), at: this.#cfg.positions(new Set(note.want)) })
    } else return
    this.#cfg.wanted()
  }

  /** An error that is cloned loses its code, so it goes as plain fields. */
  #post(note: Note): void {
    const { error } = "state" in note ? note.state : {} as ConnectionState
    if (!this.#closed) this.#air.postMessage(error ? { ...note, state: { ...(note as { state: object }).state, error: { code: error.code, message: error.message } } } : note)
  }
}
