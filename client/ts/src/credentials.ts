import { backoff } from "./backoff.js"
import type { Env } from "./env.js"
import { caught, failure, ParleyError } from "./error.js"
import { within } from "./limit.js"
import { timer } from "./timer.js"

/** How long before its end a token is renewed, in milliseconds; half its life if that is less. */
const margin = 60_000
/** When no token was requested for this long, or for a quarter of a token's life if that is less, the waits start over. */
const calm = 10_000
/** How long to wait for the next try if a planned renewal failed. */
const again = 5_000
/** How many tokens in a row may be refused before the trying stops. */
const most = 3

export interface CredentialOptions {
  token?: string
  getToken?: () => string | null | undefined | Promise<string | null | undefined>
  user?: string
  /** What people read for the user, in development; a token says it itself. */
  name?: string
}

/**
 * Who is calling: a token and its successors, or in development a user's bare name. However
 * often a new token is wanted, by the server or by a clock, getToken is called once at a time
 * and, from the third call in a row on, after a wait that grows until there is calm.
 */
export interface Credentials {
  /** Called with each token that getToken gave; `first`: there was none before. */
  onToken_(token: string, first: boolean): unknown
  /** Whom the token is for, else the user that was named; "" if nobody is known. */
  user: string
  /** What people read for a user that was named. */
  readonly name_: string | undefined
  /** That is sure: the token says so, or there are none. */
  proven_: boolean
  /** The token in use. */
  current_: string | undefined
  /** Whether tokens are used; without them `user` goes into queries and bodies. */
  readonly tokens_: boolean
  /** The token to use now. Asks for the first one if there is none. */
  token(): Promise<string | undefined>
  /** The server took a token, by default the one in use. */
  accepted_(token?: string): void
  /**
   * A token after `refused`. Rejects with a terminal `unauthorized` if there is no way to a
   * new one, or several were refused in a row, and with what getToken rejects with. `after`:
   * how long the server asks to wait, in milliseconds.
   */
  renew_(refused?: string, after?: number): Promise<string>
  close(): void
}

export function createCredentials(env: Env, { token, getToken, user = "", name: name_ }: CredentialOptions): Credentials {
  const waits = backoff(env.random)
  const wait = timer(env) // before the next call; then for calm
  const plan = timer(env) // of the next renewal
  let refusals = 0 // how many tokens in a row were refused
  let calls = 0 // without calm between
  let renewing: Promise<string> | undefined
  let closed = false
  let go = (): void => {} // ends the wait

  const fetch = async (after: number): Promise<string> => {
    const ms = calls++ < 2 ? after : waits.next(after)
    wait()
    if (ms) await new Promise<void>(resolve => wait(ms, go = resolve))
    const token = closed || getToken && await within(env, getToken).catch(e => {
      throw caught(e, "network", "getToken: ")
    })
    if (closed || token === true) throw failure("closed")
    if (!token) throw denied("there is no new token")
    const first = !self.current_
    wait(Math.max(500, Math.min(calm, take(token) / 4)), () => calls = waits.tries_ = 0)
    self.onToken_(token, first)
    return token
  }

  /** Uses a token, plans its successor, and returns its life in milliseconds: by `iat` and `exp`, which are of one clock; the device's may be wrong. */
  const take = (token: string): number => {
    const { sub, exp = Infinity, iat = env.now() / 1000 } = claims(token)
    const life = Math.max(0, exp - iat) * 1000
    self.current_ = token
    self.proven_ = !!sub
    self.user = sub || self.user
    plan()
    if (life && life < Infinity && getToken) renewIn(life - Math.min(margin, life / 2))
    return life
  }

  const renewIn = (ms: number): void => plan(ms, () => void self.renew_().catch((e: ParleyError) => {
    if (!closed && !e.terminal) renewIn(again)
  }))

  const self: Credentials = {
    onToken_() {},
    user,
    name_,
    proven_: !(token || getToken || !user),
    current_: undefined,
    tokens_: !!(token || getToken),
    async token() {
      if (closed) throw failure("closed")
      return self.current_ ?? (getToken && self.renew_())
    },
    accepted_(token = self.current_) {
      if (token === self.current_) refusals = 0
    },
    async renew_(refused, after = 0) {
      if (refused !== undefined && !renewing) {
        if (self.current_ && self.current_ !== refused) return self.current_
        if (++refusals > most) throw denied("the server rejected the new tokens too")
      }
      return renewing ??= fetch(after).finally(() => renewing = undefined)
    },
    close() {
      closed = true
      wait()
      plan()
      go()
    },
  }
  if (token) take(token)
  return self
}

function denied(why: string): ParleyError {
  return new ParleyError("unauthorized", why, 401)
}

/** A JWT's claims (RFC 7519), unverified; none of what is not one. What is not ASCII is garbled. */
function claims(token: string): { sub?: string; exp?: number; iat?: number } {
  try {
    return JSON.parse(atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"))) as { sub?: string }
  } catch {
    return {}
  }
}
