export { ParleyProvider, useChannel, useConnection, useParley, usePresence, useUnread, type ChannelHook } from "./hooks.js"
export type { ChannelState } from "./channelstore.js"
export type { PresenceState } from "./presencestore.js"
export type { Counts, UnreadState } from "./unreadstore.js"
