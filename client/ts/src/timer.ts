import type { Env } from "./env.js"

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

  /** Calls after `ms` milliseconds, instead of what was planned before. */
  set(ms: number, call: () => void): void {
    this.clear()
    this.#id = this.#env.setTimeout(() => {
      this.#id = undefined
      call()
    }, ms)
  }

  clear(): void {
    this.#env.clearTimeout(this.#id)
    this.#id = undefined
  }
}
