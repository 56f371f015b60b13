/** What people read for users, as far as the page has seen it: messages, inboxes and events say it. */
class Names {
  readonly #names = new Map<string, string>()

  /** A user's name; `old`: it is of history, and does not replace one that is known. */
  learn(user: string, name: string | undefined, old = false): void {
    if (!old || !this.#names.has(user)) this.#names.set(user, name || user)
  }

  /** What people read for a user. */
  of(user: string): string {
    return this.#names.get(user) ?? user
  }

  /** The user whom somebody means by a user or by a name. */
  find(words: string): string {
    const low = words.replace(/^@/, "").toLowerCase()
    for (const [user, name] of this.#names) if (user.toLowerCase() === low || name.toLowerCase() === low) return user
    return words.replace(/^@/, "")
  }

  clear(): void {
    this.#names.clear()
  }
}

export const names = new Names()
