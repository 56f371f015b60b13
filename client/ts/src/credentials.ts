import type { Env } from "./env.js"
import { ParleyError } from "./error.js"
import { Timer } from "./timer.js"

/** How long before its end a token is renewed, in milliseconds; half its life if that is less. */
const margin = 60_000
/** How long to wait if that failed. */
const again = 5_000

export interface CredentialOptions {
  token?: string
  getToken?: () => string | null | undefined | Promise<string | null | undefined>
  user?: string
}

/** Who is calling: a token and its successors, or in development a user's bare name. */
export class Credentials {
  /** Called with each token but the first. */
  onToken: (token: string) => void = () => {}
  readonly #env: Env
  readonly #get: CredentialOptions["getToken"]
  #user: string | undefined
  #token: string | undefined
  #refused = 0 // how many tokens in a row were
  #renewing: Promise<string> | undefined
  #closed = false
  readonly #timer: Timer

  constructor(env: Env, options: CredentialOptions) {
    this.#env = env
    this.#get = options.getToken
    this.#user = options.user
    this.#timer = new Timer(env)
    if (options.token) this.#take(options.token)
  }

  /** Whom the token is for, else the user that was named; "" if nobody is known. */
  get user(): string {
    return this.#user ?? ""
  }

  /** Whether tokens are used; without them `user` goes into queries and bodies. */
  get tokens(): boolean {
    return this.#token !== undefined || this.#get !== undefined
  }

  /** The token to use now. Asks for the first one if there is none. */
  async token(): Promise<string | undefined> {
    return this.#token ?? (this.#get ? this.renew() : undefined)
  }

  /** The server took the token. */
  accepted(): void {
    this.#refused = 0
  }

  /** The server refuses the token in use. Resolves when there is another. */
  refused(): Promise<string> {
    return this.renew(this.#token ?? "")
  }

  /**
   * A token after `refused`. Rejects with a terminal `unauthorized` if there is no way to a
   * new one, or the new one was refused too, and with what getToken rejects with.
   */
  renew(refused?: string): Promise<string> {
    if (refused !== undefined && this.#token !== undefined && this.#token !== refused) return Promise.resolve(this.#token)
    if (refused !== undefined && ++this.#refused > 2) return Promise.reject(denied("the server refuses new tokens too"))
    return this.#renewing ??= this.#fetch().finally(() => this.#renewing = undefined)
  }

  close(): void {
    this.#closed = true
    this.#timer.clear()
  }

  async #fetch(): Promise<string> {
    if (!this.#get) throw denied("the server wants another token")
    const token = await Promise.resolve().then(this.#get).catch(e => {
      throw e instanceof ParleyError ? e : new ParleyError("network", `getToken: ${e}`)
    })
    if (!token) throw denied("getToken gave no token")
    const first = this.#token === undefined
    this.#take(token)
    if (!first) this.onToken(token)
    return token
  }

  #take(token: string): void {
    this.#token = token
    const { sub, exp } = claims(token)
    if (sub) this.#user = sub
    if (!exp || !this.#get || this.#closed) return
    const left = exp * 1000 - this.#env.now()
    this.#plan(left - Math.min(margin, left / 2))
  }

  #plan(ms: number): void {
    this.#timer.set(ms, () => {
      this.renew().catch((e: ParleyError) => {
        if (!this.#closed && !e.terminal) this.#plan(again)
      })
    })
  }
}

function denied(why: string): ParleyError {
  return new ParleyError("unauthorized", why, 401)
}

/** A JWT's claims (RFC 7519), unverified; none of what is not one. What is not ASCII is garbled. */
function claims(token: string): { sub?: string; exp?: number } {
  try {
    return JSON.parse(atob(token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"))) as { sub?: string; exp?: number }
  } catch {
    return {}
  }
}
