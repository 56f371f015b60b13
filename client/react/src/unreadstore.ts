import type { Client, InboxEntry } from "@parley/client"
import { UnreadView, type Counts } from "@parley/client/views"
import { Store } from "./store.js"

export type { Counts }

export interface UnreadState {
  /** The sum over all channels. */
  readonly total: number
  readonly channels: Readonly<Record<string, Counts>>
}

/** The user's unread counts: the inbox at each connection, then what the own channel tells. */
export class UnreadStore extends Store<UnreadState> {
  readonly #client: Client
  readonly #view = new UnreadView()

  constructor(client: Client) {
    super({ total: 0, channels: {} })
    this.#client = client
  }

  protected start(): (() => void)[] {
    const view = this.#view
    let offs: (() => void)[] = []
    const listen = (): void => {
      const own = this.#client.notifications()
      offs = [
        own.on("subscribed", () => void this.#load()),
        own.on("member-added", () => void this.#load()),
        own.on("member-removed", m => this.#show(view.removed(m))),
        own.on("unread", u => this.#show(view.told(u))),
      ]
      if (own.cursor !== undefined) void this.#load()
    }
    const leave = (): void => { for (const off of offs) off() }
    listen()
    return [
      leave,
      this.#client.on("user", () => { // another own channel
        leave()
        this.#show(view.clear())
        listen()
      }),
    ]
  }

  async #load(): Promise<void> {
    const take = this.#view.asking()
    const entries: InboxEntry[] = []
    try {
      for (let next: string | undefined, first = true; first || next; first = false) {
        const page = await this.#client.inbox({ next })
        entries.push(...page.channels)
        next = page.next
      }
      if (take(entries)) this.#show()
    } catch { /* the next connection asks again */ }
  }

  #show(_?: void): void {
    const { total, channels } = this.#view
    this.set({ total, channels })
  }
}
