import type { Message, Outgoing } from "/parley.js"
import { names } from "./known.js"

/** The message that an own one has become, once it is durable. It may not have come by yet. */
export function durable({ state, channel, id, timestamp, user, text, data, thread, key }: Outgoing, me: string): Message | undefined {
  if (state !== "acknowledged" || !id || !timestamp) return undefined
  const name = names.of(user || me)
  return { type: "message", id, timestamp, channel, user: user || me || "guest", ...name !== (user || me) && { name }, text, data, thread, key }
}
