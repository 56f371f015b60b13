/** The most that the first wait takes, and any, in milliseconds. */
const first = 500, most = 30_000

/** Waits between tries: full jitter below a bound of 0.5, 1, 2, 4, … 30 s. */
export interface Backoff {
  /** How many waits were given since the last reset, which sets it to 0. */
  tries_: number
  /** How long to wait, in milliseconds. What the server asked for is the least. */
  next(asked?: number): number
}

export function backoff(random: () => number): Backoff {
  return {
    tries_: 0,
    next(asked = 0) {
      return Math.max(random() * Math.min(most, first * 2 ** this.tries_++), asked)
    },
  }
}
