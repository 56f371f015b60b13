import type { Credentials } from "./credentials.js"
import type { Env, FetchAnswer } from "./env.js"
import { ParleyError, silence } from "./error.js"
import { Timer } from "./timer.js"

/** How long an answer that needs no waiting may take, in milliseconds. */
export const patience = 15_000

type Value = string | number | boolean | undefined | readonly string[]

export interface Ask {
  query?: Record<string, Value>
  /** Becomes JSON. */
  body?: object
  /** Milliseconds until the whole answer, for a stream until its head. Default 15 s. */
  limit?: number
  signal?: AbortSignal
  headers?: Record<string, string>
  /** The body is left to be read by the caller. */
  stream?: boolean
}

export interface Answer {
  status: number
  header(name: string): string
  json: unknown
  body: FetchAnswer["body"]
}

/** Requests with the caller's credentials. Whatever is not 2xx is a ParleyError. */
export class Http {
  readonly base: string
  readonly #env: Env
  readonly #credentials: Credentials

  constructor(base: string, env: Env, credentials: Credentials) {
    this.base = base.replace(/\/+$/, "")
    this.#env = env
    this.#credentials = credentials
  }

  /** Asks, and once more with a new token if the first was refused. */
  async ask(method: string, path: string, ask: Ask = {}): Promise<Answer> {
    const token = await this.#credentials.token()
    try {
      return await this.#once(method, path, ask, token)
    } catch (e) {
      if ((e as ParleyError).code !== "unauthorized") throw e
      return this.#once(method, path, ask, await this.#credentials.renew(token ?? ""))
    }
  }

  /** Asks, and returns what the JSON of the answer holds: of the type that the caller knows. */
  async json<T>(method: string, path: string, body?: object): Promise<T> {
    return (await this.ask(method, path, { body })).json as T
  }

  /** The address of a path, with the user where there are no tokens. */
  url(path: string, query: Ask["query"] = {}): string {
    const q = new URLSearchParams()
    if (!this.#credentials.tokens && this.#credentials.user) q.set("user", this.#credentials.user)
    for (const [name, value] of Object.entries(query))
      for (const v of [value].flat()) if (v !== undefined) q.append(name, String(v))
    const text = q.toString().replace(/%(3A|2C|40)/g, decodeURIComponent) // : , @
    return this.base + path + (text && (path.includes("?") ? "&" : "?") + text)
  }

  async #once(method: string, path: string, ask: Ask, token: string | undefined): Promise<Answer> {
    const stop = new AbortController()
    const abort = (): void => stop.abort()
    let late = false
    const timer = new Timer(this.#env)
    timer.set(ask.limit ?? patience, () => {
      late = true
      abort()
    })
    if (ask.signal?.aborted) abort()
    ask.signal?.addEventListener("abort", abort)
    try {
      const answer = await this.#env.fetch(this.url(path, ask.query), {
        method,
        headers: {
          ...ask.headers,
          ...token && { Authorization: `Bearer ${token}` },
          ...ask.body && { "Content-Type": "application/json" },
        },
        ...ask.body && { body: JSON.stringify(ask.body) },
        signal: stop.signal,
        credentials: token ? "same-origin" : "include",
      })
      const ok = answer.status >= 200 && answer.status < 300
      const text = ok && ask.stream ? "" : await answer.text()
      if (!ok) throw problem(answer, text, this.#env.now())
      this.#credentials.accepted()
      return { status: answer.status, header: name => answer.headers.get(name) ?? "", json: text ? JSON.parse(text) : undefined, body: answer.body }
    } catch (e) {
      if (e instanceof ParleyError) throw e
      if (late) throw silence()
      if (ask.signal?.aborted) throw new ParleyError("closed", "the request was stopped")
      throw new ParleyError(e instanceof SyntaxError ? "bad_answer" : "network", `${method} ${path}: ${e}`)
    } finally {
      timer.clear()
      if (!ask.stream) ask.signal?.removeEventListener("abort", abort) // a stream that is read on can still be stopped
    }
  }
}

function problem(answer: FetchAnswer, text: string, now: number): ParleyError {
  const after = answer.headers.get("Retry-After") ?? "" // seconds or a date (RFC 9110, section 10.2.3)
  let body: object = {}
  try {
    body = JSON.parse(text) as object
  } catch { /* not parley's: a proxy's page */ }
  return ParleyError.of({ ...body }, answer.status, Number(after) * 1000 || Date.parse(after) - now)
}
