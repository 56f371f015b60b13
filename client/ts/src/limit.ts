import type { Env } from "./env.js"
import { failure, ParleyError } from "./error.js"
import { timer } from "./timer.js"

/** How long an answer that needs no waiting may take, in milliseconds. */
export const patience = 15_000

/** The most bytes of a WebSocket frame (docs/api.md, "Errors"). */
export const maxFrame = 128 << 10

/** What `work` brings; a `timeout` if that takes longer than `ms` milliseconds. */
export function within<T>(env: Env, work: () => T | Promise<T>, ms = patience): Promise<T> {
  const late = timer(env)
  return new Promise<T>((resolve, reject) => {
    late(ms, () => reject(failure("timeout")))
    Promise.resolve().then(work).then(resolve, reject)
  }).finally(late)
}

/** What `work` brings, unless the signal is aborted before: then `undo` is called, and the signal's reason is the result. */
export function until<T>(signal: AbortSignal | undefined, work: () => Promise<T>, undo?: () => void): Promise<T> {
  return signal ? new Promise<T>((resolve, reject) => {
    const abort = (): void => {
      undo?.()
      reject(signal.reason)
    }
    signal.throwIfAborted()
    signal.addEventListener("abort", abort)
    work().then(resolve, reject).finally(() => signal.removeEventListener("abort", abort))
  }) : work()
}

/** A value as JSON. What JSON cannot hold (a bigint, a circle) is refused. */
export function serialize(value: object): string {
  try {
    return JSON.stringify(value)
  } catch (e) {
    throw new ParleyError("bad_json", `${e}`)
  }
}

/** Refuses what has more than `most` bytes in UTF-8. */
export function fits(text = "", most = maxFrame): string {
  if (new Blob([text]).size > most) throw new ParleyError("too_large", `over ${most} bytes`, 413)
  return text
}
