import type { Client } from "/parley.js"

/** How often users are asked about while somebody looks, in milliseconds, and how many at most. */
const every = 30_000, most = 20

/** Which of some users, those with whom the visitor has a direct channel, are online. The server is asked: nothing tells of users whose channel is not followed. */
export class Online {
  readonly #request: Client["request"]
  readonly #told: () => void
  readonly #online = new Map<string, boolean>()
  readonly #clock: ReturnType<typeof setInterval>
  readonly #asked = new Set<string>()
  #users: string[] = []

  constructor(request: Client["request"], told: () => void) {
    this.#request = request
    this.#told = told
    this.#clock = setInterval(() => { if (document.visibilityState === "visible") this.refresh() }, every)
  }

  /** Undefined while that is not known. */
  is(user: string): boolean | undefined {
    return this.#online.get(user)
  }

  /** These are the ones to know about, the most important first. */
  watch(users: string[]): void {
    this.#users = users.slice(0, most)
    for (const user of this.#users) if (!this.#asked.has(user)) void this.#ask(user)
  }

  /** Asks about all again. */
  refresh(): void {
    for (const user of this.#users) void this.#ask(user)
  }

  close(): void {
    clearInterval(this.#clock)
    this.#users = []
  }

  async #ask(user: string): Promise<void> {
    this.#asked.add(user)
    try {
      const { online } = await this.#request("GET", `/api/users/${encodeURIComponent(user)}/presence`) as { online: boolean }
      if (online === this.#online.get(user)) return
      this.#online.set(user, online)
      this.#told()
    } catch { // not for the visitor to know, or no connection: then the next time
    }
  }
}
