import type { Message, Outgoing } from "/parley.js"

/** The message that an own one has become, once it is durable. It may not have come by yet. */
export function durable({ state, channel, id, timestamp, user, text, data, thread, key }: Outgoing, me: string): Message | undefined {
  if (state !== "acknowledged" || !id || !timestamp) return undefined
  return { type: "message", id, timestamp, channel, user: user || me || "guest", text, data, thread, key }
}
