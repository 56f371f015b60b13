/**
 * What the server said instead of doing what was asked, or why it could not be asked.
 * `code` is stable: the server's (`forbidden`, `rate_limited`, …; docs/api.md, "Errors"),
 * or one of the client's own: `network` (no connection), `timeout` (no answer in time),
 * `bad_answer` (not a parley server's: a proxy's page), `gone` (the stream ended), `closed`
 * (by the application), `user_changed` (another user signed in), `gave_up` (after `maxRetries`).
 */
export class ParleyError extends Error {
  declare readonly code: string
  /** HTTP status or close code, 0 if there was none. */
  declare readonly status: number
  /** What the server asks to wait before another try, in milliseconds. */
  declare readonly retryAfter: number
  /** The server's answer as it came; `hint` says what to do. */
  declare readonly body: { readonly hint?: string; readonly [field: string]: unknown }

  constructor(code: string, message: string, status = 0, retryAfter = 0, body: object = {}) {
    super(message)
    Object.assign(this, { name: "ParleyError", code, status, retryAfter, body })
  }

  /** The same request would be refused again. (`unauthorized` is, unless a new token helps.) */
  get terminal(): boolean {
    return !passing.test(this.code) && (this.status / 100 | 0) !== 5
  }

  /** An error from the body of an answer, an error frame or a draining event. */
  static of(body: { readonly [field: string]: unknown }, status = 0, retryAfter = 0): ParleyError {
    const { code, detail, retry_after_ms: ms } = body
    return new ParleyError(`${code ?? "bad_answer"}`, `${detail ?? `the server answered ${status}`}`, status, +(ms ?? retryAfter)! || 0, body)
  }
}

const words = {
  timeout: "the server did not respond",
  closed: "closed",
  user_changed: "another user has signed in",
  gone: "connection lost",
}

/** A failure that the client finds itself. */
export function failure(code: keyof typeof words): ParleyError {
  return new ParleyError(code, words[code])
}

/** What was caught: a ParleyError as it is, anything else as one with this code. */
export function caught(e: unknown, code: string, where = ""): ParleyError {
  return e instanceof ParleyError ? e : new ParleyError(code, `${where}${e}`)
}

/** Codes of what may go better next time. */
const passing = /^(network|timeout|bad_answer|gone|rate_limited|overloaded|draining|unavailable|user_changed)$/
