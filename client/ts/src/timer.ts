import type { Env } from "./env.js"

/** The longest that timers take, in milliseconds. */
const longest = 2 ** 31 - 1

/** One thing to do later, or nothing. */
export class Timer {
  readonly #env: Env
  #id: unknown

  constructor(env: Env) {
    this.#env = env
  }

  get waits(): boolean {
    return this.#id !== undefined
  }

  /** Calls after `ms` milliseconds (if that is more than 24 days, then), instead of what was planned before. */
  set(ms: number, call: () => void): void {
    this.clear()
    this.#id = this.#env.setTimeout(() => {
      this.#id = undefined
      call()
    }, Math.min(Math.max(ms, 0), longest))
  }

  clear(): void {
    this.#env.clearTimeout(this.#id)
    this.#id = undefined
  }
}
