import type { Env } from "./env.js"

/** The longest that timers take, in milliseconds. */
const longest = 2e9

/** One thing to do later: calls after `ms` milliseconds (at most 23 days) instead of what was planned before. Without arguments it plans nothing, as when the signal is aborted. */
export type Timer = (ms?: number, call?: () => void) => void

export function timer(env: Env, signal?: AbortSignal): Timer {
  let id: unknown
  const plan: Timer = (ms = 0, call) => {
    env.clearTimeout(id)
    id = call && env.setTimeout(call, Math.min(ms, longest))
  }
  signal?.addEventListener("abort", () => plan())
  return plan
}
