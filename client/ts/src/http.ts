import type { Credentials } from "./credentials.js"
import type { Env, FetchAnswer } from "./env.js"
import { caught, failure, ParleyError } from "./error.js"
import { serialize, until, within } from "./limit.js"

type Value = string | number | boolean | undefined | readonly string[]

export interface Ask {
  query_?: Record<string, Value>
  /** Becomes JSON. */
  body?: object
  /** Milliseconds until the whole answer, for a stream until its head. Default 15 s. */
  most_?: number
  signal?: AbortSignal
  /** Whose request it is; nobody else's token goes with it. Default: whoever is signed in. */
  user?: string
  headers?: Record<string, string>
  /** The body is left to be read by the caller. */
  held_?: boolean
}

export interface Answer {
  status_: number
  header_(name: string): string
  json_: unknown
  body: FetchAnswer["body"]
}

/** Requests with the caller's credentials. Whatever is not 2xx is a ParleyError. */
export interface Http {
  readonly base_: string
  /** Asks, and again with a new token if one was refused. An answer to another user than the one who asked is dropped. */
  ask_(method: string, path: string, ask?: Ask): Promise<Answer>
  /** Asks, and returns what the JSON of the answer holds: of the type that the caller knows. */
  json_<T>(method: string, path: string, body?: object, ask?: Ask): Promise<T>
  /** The address of a path, with the user where there are no tokens. */
  url_(path: string, query?: Ask["query_"]): string
}

/** `back`: called when a request succeeds after others were lost: the network has returned. */
export function createHttp(url: string, env: Env, credentials: Credentials, back?: () => void): Http {
  let away = false // the last request was lost

  const once = async (method: string, path: string, { query_: query, most_: most, signal, headers, held_: held }: Ask, body: string | undefined, token: string | undefined): Promise<Answer> => {
    const stop = new AbortController()
    const abort = (): void => stop.abort()
    if (held) signal?.addEventListener("abort", abort) // a stream that is read on can be stopped
    try {
      return await until(signal, () => within(env, async () => {
        const answer = await env.fetch(http.url_(path, query), {
          method,
          headers: {
            ...headers,
            ...token && { Authorization: `Bearer ${token}` },
            ...body && { "Content-Type": "application/json" },
          },
          body,
          signal: stop.signal,
          credentials: token ? "same-origin" : "include",
        })
        const { status } = answer
        const ok = status < 300
        const text = ok && held ? "" : await answer.text()
        if (!ok) throw problem(answer, text, env.now())
        credentials.accepted_(token)
        if (away) back?.()
        away = false
        return { status_: status, header_: name => answer.headers.get(name) ?? "", json_: text ? JSON.parse(text) : undefined, body: answer.body }
      }, most), abort)
    } catch (e) {
      abort()
      signal?.throwIfAborted()
      const why = caught(e, e instanceof SyntaxError ? "bad_answer" : "network", `${path}: `)
      away ||= !why.status
      throw why
    }
  }

  const http: Http = {
    base_: url.replace(/\/+$/, ""),
    async ask_(method, path, ask = {}) {
      const body = ask.body && serialize(ask.body)
      const { signal } = ask
      let token = await until(signal, () => credentials.token())
      const user = ask.user ?? credentials.user
      const same = (): void => {
        if (user !== credentials.user) throw failure("user_changed")
      }
      for (;;) {
        same()
        try {
          const answer = await once(method, path, ask, body, token)
          if (!ask.user) same()
          return answer
        } catch (e) {
          const { code, retryAfter } = e as ParleyError
          if (code !== "unauthorized") throw e
          token = await until(signal, () => credentials.renew_(token ?? "", retryAfter))
        }
      }
    },
    async json_<T>(method: string, path: string, body?: object, ask?: Ask) {
      return (await http.ask_(method, path, { body, ...ask })).json_ as T
    },
    url_(path, query = {}) {
      const q = new URLSearchParams()
      const { tokens_: tokens, user, name_: called } = credentials
      for (const [name, value] of Object.entries({ ...!tokens && user && { user, name: called || undefined }, ...query }))
        for (const v of [value].flat()) if (v !== undefined) q.append(name, `${v}`)
      const text = `${q}`
      return http.base_ + path + (text && (path.includes("?") ? "&" : "?") + text)
    },
  }
  return http
}

function problem(answer: FetchAnswer, text: string, now: number): ParleyError {
  const after = answer.headers.get("Retry-After") ?? "" // seconds or a date (RFC 9110, section 10.2.3)
  let body: object = {}
  try {
    body = JSON.parse(text) as object
  } catch { /* not parley's: a proxy's page */ }
  return ParleyError.of({ ...body }, answer.status, +after * 1000 || Date.parse(after) - now)
}
