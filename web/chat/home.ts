import type { Client } from "/parley.js"
import { label } from "./channels.js"
import { claims } from "./identity.js"

/** A channel that the visitor may read. */
export interface Offer { channel: string; words: string }

/** About how many channels the server is asked. */
const mostAsked = 12

/**
 * At most `most` channels that the visitor's credentials allow, best first: their own, those that the token
 * names, public ones, and in the end the one that a server begins with. The server is asked about each: nothing is assumed.
 */
export async function readable(client: Client, token: string | undefined, most: number, except = ""): Promise<Offer[]> {
  const offers: Offer[] = []
  const seen = new Set([except])
  for await (const [channel, title] of candidates(client, token)) {
    if (offers.length >= most || seen.size > mostAsked) break
    if (seen.has(channel)) continue
    seen.add(channel)
    const may = await client.request("GET", `/api/channels/${encodeURIComponent(channel)}`).then(() => true, () => false)
    if (may) offers.push({ channel, words: label(channel, title, client.user) })
  }
  return offers
}

async function* candidates(client: Client, token: string | undefined): AsyncGenerator<[string, string | undefined]> {
  if (client.user) yield* await list(client, false)
  for (const pattern of patterns(token) ?? []) if (!pattern.includes("*")) yield [pattern, undefined]
  yield* await list(client, true)
  yield ["general", undefined]
}

/** The visitor's channels or the public ones; none if they can't be had, unless a token is missing. */
async function list(client: Client, all: boolean): Promise<[string, string | undefined][]> {
  try {
    return (await client.inbox({ all })).channels.map(c => [c.channel, c.title])
  } catch (e) {
    if ((e as { code?: string }).code === "unauthorized") throw e
    return []
  }
}

/** What a token allows, as it says: patterns of channels; undefined if it names none. */
export function patterns(token: string | undefined): string[] | undefined {
  return claims(token).channels?.map(p => p.replace(/=[a-z]*$/, ""))
}
