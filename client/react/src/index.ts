export {
  ParleyProvider, useChannel, useConnection, useMessages, useParley, usePresence, useTyping, useUnread, type ChannelHook, type MessagesHook, type TypingHook,
} from "./hooks.js"
export type { ChannelState } from "./channelstore.js"
export type { PresenceState } from "./presencestore.js"
export type { Counts, UnreadState } from "./unreadstore.js"
