import type { Env } from "./env.js"

/** The longest that timers take, in milliseconds. */
const longest = 2 ** 31 - 1

/** One thing to do later: calls after `ms` milliseconds (at most 24 days) instead of what was planned before. Without arguments it plans nothing. */
export type Timer = (ms?: number, call?: () => void) => void

export function timer(env: Env): Timer {
  let id: unknown
  return (ms = 0, call) => {
    env.clearTimeout(id)
    id = call && env.setTimeout(call, Math.min(Math.max(ms, 0), longest))
  }
}
