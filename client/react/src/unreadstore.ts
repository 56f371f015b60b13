import type { Client } from "@parley/client"
import { Store } from "./store.js"

export interface Counts { readonly unread: number; readonly mentions: number }

export interface UnreadState {
  /** The sum over all channels. */
  readonly total: number
  readonly channels: Readonly<Record<string, Counts>>
}

/** The user's unread counts: the inbox at each connection, then what the own channel tells. */
export class UnreadStore extends Store<UnreadState> {
  readonly #client: Client

  constructor(client: Client) {
    super({ total: 0, channels: {} })
    this.#client = client
  }

  protected start(): (() => void)[] {
    const own = this.#client.notifications()
    if (own.cursor !== undefined) void this.#load()
    return [
      own.on("subscribed", () => void this.#load()),
      own.on("member-added", () => void this.#load()),
      own.on("member-removed", m => {
        const { [m.channel]: _, ...channels } = this.get().channels
        this.#take(channels)
      }),
      own.on("unread", ({ channel, unread, mentions, total }) =>
        this.set({ total, channels: { ...this.get().channels, [channel]: { unread, mentions } } })),
    ]
  }

  async #load(): Promise<void> {
    const channels: Record<string, Counts> = {}
    try {
      for (let next: string | undefined, first = true; first || next; first = false) {
        const page = await this.#client.inbox({ next })
        for (const { channel, unread = 0, mentions = 0 } of page.channels) channels[channel] = { unread, mentions }
        next = page.next
      }
      this.#take(channels)
    } catch { /* the next connection asks again */ }
  }

  #take(channels: Record<string, Counts>): void {
    this.set({ channels, total: Object.values(channels).reduce((sum, c) => sum + c.unread, 0) })
  }
}
