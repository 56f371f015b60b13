import type { Credentials } from "./credentials.js"
import type { Env } from "./env.js"
import type { ParleyError } from "./error.js"
import type { Http } from "./http.js"
import type { ConnectionState, Frame, Position } from "./types.js"

/**
 * One connection of one transport, or one run of polls. It never reconnects: it tells its
 * host that it is lost, once, and the host closes it.
 */
export interface Stream {
  /** The channels that the host wants have changed. */
  update_(): void
  /** Sends a frame; only where that is possible. */
  send?(frame: object): void
  /** Finds out soon whether the connection is still alive; only where it can be asked. */
  check_?(): void
  close(): void
}

/** What a stream may use and has to tell. */
export interface Host {
  readonly env: Env
  readonly http_: Http
  readonly who_: Credentials
  /** Does somebody look? */
  seen_(): boolean
  /** What to follow, from where. A channel without a cursor begins at its head. */
  wanted_(): Position[]
  /** A frame came. The first one proves that the transport works here. */
  take_(frame: Frame): void
  /** Something came that is not a frame. */
  alive_(): void
  /** The opening makes progress: it gets its time again. */
  hope_(): void
  /** A round trip took so many milliseconds. */
  trip_(ms: number): void
  /** What another tab tells of the connection that this one shares. */
  shared_(state: ConnectionState): void
  lost_(why: ParleyError): void
}

export type Open = (host: Host) => Stream
