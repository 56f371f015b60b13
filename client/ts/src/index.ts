export { Client, type ClientEvents, type ClientOptions } from "./client.js"
export type { Channel } from "./channel.js"
export type { CredentialOptions } from "./credentials.js"
export { hostEnv, type Broadcast, type Env, type FetchAnswer, type FetchInit, type Locks, type Socket } from "./env.js"
export { ParleyError } from "./error.js"
export type { Part } from "./guard.js"
export type { Store, Stored } from "./store.js"
export type {
  Ack, AppEvent, CallOptions, ChannelEvents, ConnectionState, Data, Draft, Entry, EventData, Inbox, InboxEntry, Member, MemberRole, Membership, Message, MessageChanged,
  Outgoing, Page, Person, Presence, PresenceChange, Reaction, Read, Reset, SavedPosition, System, TransportName, Unread, Way, Welcome,
} from "./types.js"
