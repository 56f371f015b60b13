import { Client, type ClientOptions, type ConnectionState, type Message } from "../src/index.js"
import type { FakeEnv } from "./fake.js"

/** A message as a stream carries it. */
export function message(id: number, channel = "general", more: object = {}): Message {
  return { type: "message", id, channel, user: "bob", text: `m${id}`, timestamp: id, ...more }
}

/** A client that follows `general`, and what it saw. */
export function follow(env: FakeEnv, options: ClientOptions = {}, after?: number): { client: Client; ids: number[]; states: ConnectionState[]; told: string[] } {
  const client = new Client("http://parley.test/", { env, user: "alice", ...options })
  const ids: number[] = [], states: ConnectionState[] = [], told: string[] = []
  client.on("state", s => states.push(s))
  const room = client.channel("general", { after })
  room.subscribe(m => ids.push(m.id))
  room.on("reset", r => told.push(r.reason))
  room.on("refused", e => told.push(`refused ${(e as Error & { code: string }).code}`))
  return { client, ids, states, told }
}

/** A long poll's answer without messages. */
export const held = { messages: [], last_id: 0, epoch: "e1" }
