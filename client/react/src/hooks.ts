import { createContext, createElement, useCallback, useContext, useSyncExternalStore, type ReactElement, type ReactNode } from "react"
import type { Channel, Client, ConnectionState, Message } from "@parley/client"
import type { ChannelState } from "./channelstore.js"
import type { PresenceState } from "./presencestore.js"
import { Stores } from "./stores.js"
import type { Counts, UnreadState } from "./unreadstore.js"

const Context = createContext<Client | undefined>(undefined)

/** Gives a client to the hooks below it. It does not close it. */
export function ParleyProvider({ client, children }: { client: Client; children?: ReactNode }): ReactElement {
  return createElement(Context.Provider, { value: client }, children)
}

/** The client of the nearest ParleyProvider. */
export function useParley(): Client {
  const client = useContext(Context)
  if (!client) throw new Error("useParley and the other hooks need a <ParleyProvider client={…}> above them")
  return client
}

/** How the client is connected. */
export function useConnection(): ConnectionState {
  const client = useParley()
  const subscribe = useCallback((changed: () => void) => client.on("state", changed), [client])
  const get = (): ConnectionState => client.state
  return useSyncExternalStore(subscribe, get, get)
}

export interface ChannelHook extends ChannelState {
  /** To publish, edit, mark as read, and the rest. */
  readonly channel: Channel
  readonly loadMore: () => Promise<void>
  /** Whether the user has given a message this reaction, also where more than twenty have. */
  readonly reacted: (message: Message, emoji: string) => boolean
}

/** A channel's messages, live, from the newest `limit` (50) on. It is followed while a component uses it. */
export function useChannel(name: string, { limit = 50 }: { limit?: number } = {}): ChannelHook {
  const client = useParley()
  const store = Stores.of(client).channel(name, limit)
  return { ...useSyncExternalStore(store.subscribe, store.get, store.get), channel: client.channel(name), loadMore: store.loadMore, reacted: store.reacted }
}

/** Who is in a channel. */
export function usePresence(name: string): PresenceState {
  const store = Stores.of(useParley()).presence(name)
  return useSyncExternalStore(store.subscribe, store.get, store.get)
}

/** The user's unread counts, of all channels or of one. The client needs a user. */
export function useUnread(): UnreadState
export function useUnread(channel: string): Counts
export function useUnread(channel?: string): UnreadState | Counts {
  const store = Stores.of(useParley()).unread
  const all = useSyncExternalStore(store.subscribe, store.get, store.get)
  return channel === undefined ? all : all.channels[channel] ?? none
}

const none: Counts = { unread: 0, mentions: 0 }
