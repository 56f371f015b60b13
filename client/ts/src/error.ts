/**
 * What the server said instead of doing what was asked, or why it could not be asked.
 * `code` is stable: the server's (`forbidden`, `rate_limited`, …; docs/api.md, "Errors"),
 * or one of the client's own: `network` (no connection), `timeout` (no answer in time),
 * `bad_answer` (not a parley server's: a proxy's page), `gone` (the stream ended), `closed`
 * (by the application), `gave_up` (after `maxRetries`).
 */
export class ParleyError extends Error {
  readonly code: string
  /** What to do about it, if the server says. */
  readonly hint: string
  /** HTTP status or close code, 0 if there was none. */
  readonly status: number
  /** What the server asks to wait before another try, in milliseconds. */
  readonly retryAfter: number
  /** Of `cursor_gone`, and the server's other details: the body as it came. */
  readonly body: { readonly [field: string]: unknown }

  constructor(code: string, message: string, more: { hint?: unknown; status?: number; retryAfter?: number; body?: object } = {}) {
    super(message)
    this.name = "ParleyError"
    this.code = code
    this.hint = String(more.hint ?? "")
    this.status = more.status ?? 0
    this.retryAfter = more.retryAfter ?? 0
    this.body = { ...more.body }
  }

  /** The same request would be refused again. (`unauthorized` is, unless a new token helps.) */
  get terminal(): boolean {
    return !passing.includes(this.code) && (this.status < 500 || this.status >= 600)
  }

  /** An error from the body of an answer, an error frame or a draining event. */
  static of(body: { readonly [field: string]: unknown }, status = 0, retryAfter = 0): ParleyError {
    const { code, detail, title, hint, retry_after_ms: ms } = body
    const named = typeof code === "string" && code !== ""
    return new ParleyError(named ? code : "bad_answer", String(detail ?? title ?? `the server answered ${status}`),
      { hint, status, retryAfter: Number(ms) || retryAfter, body })
  }
}

/** Codes of what may go better next time. */
const passing = ["network", "timeout", "bad_answer", "gone", "rate_limited", "overloaded", "draining", "unavailable"]
