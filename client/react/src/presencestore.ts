import type { Channel } from "@parley/client"
import { Store } from "./store.js"

export interface PresenceState {
  /** How many are in the channel. */
  readonly count: number
  /** Who they are; in large channels not all. */
  readonly users: readonly string[]
}

/** Who is in a channel: asked at each connection, then kept by events. */
export class PresenceStore extends Store<PresenceState> {
  readonly #room: Channel

  constructor(room: Channel) {
    super({ count: 0, users: [] })
    this.#room = room
  }

  protected start(): (() => void)[] {
    const room = this.#room
    if (room.cursor !== undefined) this.#ask()
    return [
      room.on("subscribed", () => this.#ask()),
      room.on("user-joined", p => this.#move([p.user], [])),
      room.on("user-left", p => this.#move([], [p.user])),
      room.on("presence", p => this.#move(p.joined ?? [], p.left ?? [], p.count)),
    ]
  }

  #ask(): void {
    this.#room.presence().then(
      p => this.set({ count: p.count, users: p.users.map(u => u.user) }),
      () => {}) // the next connection asks again; until then events tell
  }

  #move(joined: readonly string[], left: readonly string[], count?: number): void {
    const before = this.get()
    const users = [...before.users.filter(u => !left.includes(u)), ...joined.filter(u => !before.users.includes(u))]
    this.set({ users, count: count ?? before.count + users.length - before.users.length })
  }
}
