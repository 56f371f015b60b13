import { createContext, createElement, useCallback, useContext, useSyncExternalStore, type ReactElement, type ReactNode } from "react"
import type { Channel, Client, ConnectionState, Data, Message, Outgoing } from "@parley/client"
import type { ChannelState, ChannelStore } from "./channelstore.js"
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
export function useChannel(name: string, { limit = page }: { limit?: number } = {}): ChannelHook {
  const client = useParley()
  const store = Stores.of(client).channel(name, limit)
  return { ...useSyncExternalStore(store.subscribe, store.get, store.get), channel: client.channel(name), loadMore: store.loadMore, reacted: store.reacted }
}

/** How many messages a page has, if the component does not say. */
const page = 50

/** One part of what a channel shows. The component renders again only when that part changes. */
function usePart<K extends keyof ChannelState>(store: ChannelStore, part: K): ChannelState[K] {
  const get = (): ChannelState[K] => store.get()[part]
  return useSyncExternalStore(store.subscribe, get, get)
}

export interface MessagesHook<D extends object = Data> {
  /** What is loaded, ascending, as it is now; deleted ones have `deleted` and no text. */
  readonly messages: readonly Message<D>[]
  /** Own messages that are not yet acknowledged, in order: to show below the others. */
  readonly pending: readonly Outgoing<D>[]
  /** There are older messages. */
  readonly more: boolean
  /** Loads the page before what is loaded. While one is loading, the same promise. */
  readonly loadMore: () => Promise<void>
  readonly loading: boolean
  readonly error: Error | undefined
}

/** A channel's messages, live, from the newest `limit` (50) on, and further up with `loadMore`. The channel is followed while a component uses it. */
export function useMessages<D extends object = Data>(name: string, { limit = page }: { limit?: number } = {}): MessagesHook<D> {
  const store = Stores.of(useParley()).channel(name, limit)
  return {
    messages: usePart(store, "messages") as readonly Message<D>[],
    pending: usePart(store, "pending") as readonly Outgoing<D>[],
    more: usePart(store, "more"),
    loading: usePart(store, "loading"),
    error: usePart(store, "error"),
    loadMore: store.loadMore,
  }
}

export interface TypingHook {
  /** Who is typing now, without the user. */
  readonly users: readonly string[]
  /** Tells the others that the user is typing: to be called with each key. The server is told every two seconds. */
  readonly typing: () => void
}

/** Who is typing in a channel. */
export function useTyping(name: string): TypingHook {
  const client = useParley()
  const store = Stores.of(client).channel(name, page)
  const typing = useCallback(() => client.channel(name).typing(), [client, name])
  return { users: usePart(store, "typing"), typing }
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
