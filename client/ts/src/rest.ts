import type { Channel } from "./channel.js"
import type { Client } from "./client.js"
import type { CallOptions, Data, EventData, Inbox, InboxEntry, Member, MemberRole } from "./types.js"

// What a program does now and then: members, settings of channels, devices for push. These are
// functions, so that a bundler leaves out those that are not imported. Each rejects as the calls of a channel do.

const at = (channel: string, rest = ""): string => `/api/channels/${encodeURIComponent(channel)}${rest}`

/** The caller. Before the first request of a client with `getToken` that is not known. */
async function self(client: Client, options?: CallOptions): Promise<string> {
  if (!client.user) await client.inbox(options)
  return encodeURIComponent(client.user)
}

/** Makes the caller a member of a public channel. */
export async function join(client: Client, channel: string, options?: CallOptions): Promise<void> {
  await client.request("PUT", at(channel, `/members/${await self(client, options)}`), {}, options)
}

/** Ends the caller's membership. */
export async function leave(client: Client, channel: string, options?: CallOptions): Promise<void> {
  await client.request("DELETE", at(channel, `/members/${await self(client, options)}`), undefined, options)
}

/** The members of a channel, page by page as they are read. */
export async function* members(client: Client, channel: string, options?: CallOptions): AsyncGenerator<Member, void, undefined> {
  for (let next: string | undefined = ""; next !== undefined;) {
    const page = await client.request("GET", at(channel, `/members?next=${encodeURIComponent(next)}`), undefined, options) as { members: Member[]; next?: string }
    yield* page.members
    next = page.next
  }
}

/** Makes a user a member, or changes what a member may do. */
export async function setMember(client: Client, channel: string, user: string, role: MemberRole = "member", options?: CallOptions): Promise<void> {
  await client.request("PUT", at(channel, `/members/${encodeURIComponent(user)}`), { role }, options)
}

/** Removes a member. */
export async function removeMember(client: Client, channel: string, user: string, options?: CallOptions): Promise<void> {
  await client.request("DELETE", at(channel, `/members/${encodeURIComponent(user)}`), undefined, options)
}

/** Chooses what the caller, a member, is pushed: all (`false`), nothing (`true`), or only `"mentions"`. */
export async function mute(client: Client, channel: string, muted: boolean | "mentions" = true, options?: CallOptions): Promise<void> {
  await client.request("PUT", at(channel, "/mute"), { muted }, options)
}

/** The caller's channels, newest first, page by page as they are read; with `all` the public ones that could be joined. */
export async function* channels(client: Client, { all, signal }: { all?: boolean } & CallOptions = {}): AsyncGenerator<InboxEntry, void, undefined> {
  for (let next: string | undefined, first = true; first || next; first = false) {
    const page: Inbox = await client.inbox({ all, next, signal })
    yield* page.channels
    next = page.next
  }
}

/** What a channel is called, and who may read it. */
export interface ChannelSettings {
  title?: string
  topic?: string
  kind?: "public" | "members"
  /** At least so much is kept. */
  retention?: { messages?: number; seconds?: number }
  data?: Data
}

/** Creates a channel, or changes the given settings of one that exists. Its creator is its owner. */
export async function createChannel<D extends object = Data, E extends object = EventData>(
  client: Client, name: string, settings: ChannelSettings = {}, options?: CallOptions): Promise<Channel<D, E>> {
  await client.request("PUT", at(name), settings, options)
  return client.channel<D, E>(name)
}

/** Where the user's messages are pushed. A browser's PushSubscription fits: `{ platform: "webpush", subscription }`. */
export type Device = { app?: string } & (
  | { platform: "apns" | "fcm"; token: string }
  | { platform: "webpush"; subscription: object })

/** A device as the server lists it. `failed`: when its last push failed, in seconds since 1970. */
export interface DeviceEntry { id: string; platform: Device["platform"]; app: string; created: number; failed: number | null }

/** Has pushes sent to a device, under a name of the client's own (at most 64 bytes). Registering it again replaces it. */
export async function registerDevice(client: Client, id: string, device: Device, options?: CallOptions): Promise<void> {
  await client.request("PUT", `/api/devices/${encodeURIComponent(id)}`, device, options)
}

/** Has no more pushes sent to a device. */
export async function removeDevice(client: Client, id: string, options?: CallOptions): Promise<void> {
  await client.request("DELETE", `/api/devices/${encodeURIComponent(id)}`, undefined, options)
}

/** The user's devices. */
export async function devices(client: Client, options?: CallOptions): Promise<DeviceEntry[]> {
  return (await client.request("GET", "/api/devices", undefined, options) as { devices: DeviceEntry[] }).devices
}

/** The server's key for `PushManager.subscribe({ applicationServerKey })`. */
export async function pushKey(client: Client, options?: CallOptions): Promise<string> {
  return (await client.request("GET", "/api/push/public-key", undefined, options) as { key: string }).key
}

