/** The most that the first wait takes, and any, in milliseconds. */
const first = 500, most = 30_000

/** Waits between tries: full jitter below a bound of 0.5, 1, 2, 4, … 30 s. */
export class Backoff {
  /** How many waits were given since the last reset. */
  tries = 0
  readonly #random: () => number

  constructor(random: () => number) {
    this.#random = random
  }

  /** How long to wait, in milliseconds. What the server asked for is the least. */
  next(asked = 0): number {
    const bound = Math.min(most, first * 2 ** this.tries++)
    return Math.max(this.#random() * bound, asked)
  }

  reset(): void {
    this.tries = 0
  }
}
