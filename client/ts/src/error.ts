/**
 * What the server said instead of doing what was asked, or why it could not be asked.
 * `code` is stable: the server's (`forbidden`, `rate_limited`, …; docs/api.md, "Errors"),
 * or one of the client's own: `network` (no connection), `timeout` (no answer in time),
 * `bad_answer` (not a parley server's: a proxy's page), `gone` (the stream ended), `closed`
 * (by the application), `gave_up` (after `maxRetries`).
 */
export class ParleyError extends Error {
  readonly code: string
  /** HTTP status or close code, 0 if there was none. */
  readonly status: number
  /** What the server asks to wait before another try, in milliseconds. */
  readonly retryAfter: number
  /** The server's answer as it came; `hint` says what to do. */
  readonly body: { readonly hint?: string; readonly [field: string]: unknown }

  constructor(code: string, message: string, status = 0, retryAfter = 0, body: object = {}) {
    super(message)
    this.name = "ParleyError"
    this.code = code
    this.status = status
    this.retryAfter = retryAfter
    this.body = body as ParleyError["body"]
  }

  /** The same request would be refused again. (`unauthorized` is, unless a new token helps.) */
  get terminal(): boolean {
    return !passing.includes(this.code) && (this.status < 500 || this.status >= 600)
  }

  /** An error from the body of an answer, an error frame or a draining event. */
  static of(body: { readonly [field: string]: unknown }, status = 0, retryAfter = 0): ParleyError {
    const { code, detail, retry_after_ms: ms } = body
    return new ParleyError(String(code ?? "bad_answer"), String(detail ?? `the server answered ${status}`), status, Number(ms ?? retryAfter) || 0, body)
  }
}

/** There was no answer in time. */
export function silence(): ParleyError {
  return new ParleyError("timeout", "the server is silent")
}

/** Codes of what may go better next time. */
const passing = ["network", "timeout", "bad_answer", "gone", "rate_limited", "overloaded", "draining", "unavailable"]
