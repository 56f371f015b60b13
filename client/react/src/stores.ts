import type { Client } from "@parley/client"
import { ChannelStore } from "./channelstore.js"
import { PresenceStore } from "./presencestore.js"
import { UnreadStore } from "./unreadstore.js"

/** The stores of one client: components that look at the same thing share one. */
export class Stores {
  static readonly #all = new WeakMap<Client, Stores>()
  readonly #client: Client
  readonly #channels = new Map<string, ChannelStore>()
  readonly #presence = new Map<string, PresenceStore>()
  #unread: UnreadStore | undefined

  private constructor(client: Client) {
    this.#client = client
  }

  static of(client: Client): Stores {
    let stores = this.#all.get(client)
    if (!stores) this.#all.set(client, stores = new Stores(client))
    return stores
  }

  /** `limit` is that of who asks first. */
  channel(name: string, limit: number): ChannelStore {
    let store = this.#channels.get(name)
    if (!store) this.#channels.set(name, store = new ChannelStore(this.#client, name, limit))
    return store
  }

  presence(name: string): PresenceStore {
    let store = this.#presence.get(name)
    if (!store) this.#presence.set(name, store = new PresenceStore(this.#client.channel(name)))
    return store
  }

  get unread(): UnreadStore {
    return this.#unread ??= new UnreadStore(this.#client)
  }
}
