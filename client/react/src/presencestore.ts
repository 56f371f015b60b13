import type { Channel } from "@parley/client"
import { PresenceView } from "@parley/client/views"
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
  readonly #view = new PresenceView()

  constructor(room: Channel) {
    super({ count: 0, users: [] })
    this.#room = room
  }

  protected start(): (() => void)[] {
    const room = this.#room
    const view = this.#view
    const offs = [
      room.on("subscribed", () => this.#ask()),
      room.on("user-joined", p => this.#show(view.joined(p.user))),
      room.on("user-left", p => this.#show(view.left(p.user))),
      room.on("presence", p => {
        if (view.moved(p)) this.#ask()
        this.#show()
      }),
      room.on("reset", r => { if (r.reason === "user") this.#show(view.clear()) }),
    ]
    if (room.cursor !== undefined) this.#ask()
    return offs
  }

  #ask(): void {
    const take = this.#view.asking()
    this.#room.presence().then(
      answer => { if (take(answer)) this.#show() },
      () => {}) // the next connection asks again; until then events tell
  }

  #show(_?: void): void {
    const { count, users } = this.#view
    this.set({ count, users })
  }
}
