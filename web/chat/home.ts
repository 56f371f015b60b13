import type { Client } from "/parley.js"
import { label } from "./channels.js"

/** A channel that the visitor may read. */
export interface Offer { channel: string; words: string }

/** How many channels are asked about, and how many are offered. */
const mostAsked = 12, mostOffered = 3

/**
 * Channels that the visitor's credentials allow, best first: their own, those that the token
 * names, public ones, and in the end what nobody has begun yet. The server is asked about each: nothing is assumed.
 */
export async function readable(client: Client, token: string | undefined, except = ""): Promise<Offer[]> {
  const list = async (all: boolean): Promise<[string, string | undefined][]> =>
    all || client.user ? (await client.inbox({ all }).catch(unlessUnauthorized)).channels.map(c => [c.channel, c.title]) : []
  const found = new Map([["general", undefined] as [string, string | undefined], ...(await list(true)).reverse(), ...named(token).map(c => [c, undefined] as [string, undefined]), ...(await list(false)).reverse()].reverse())
  found.delete(except)
  const allowed = await Promise.all([...found].slice(0, mostAsked).map(([channel, title]) =>
    client.request("GET", `/api/channels/${encodeURIComponent(channel)}`).then(() => [{ channel, words: label(channel, title, client.user) }], () => [])))
  return allowed.flat().slice(0, mostOffered)
}

/** What a token allows, as it says: patterns of channels; undefined if it names none. */
export function patterns(token: string | undefined): string[] | undefined {
  try {
    const { channels } = JSON.parse(atob(token!.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/"))) as { channels?: string[] }
    return channels?.map(p => p.replace(/=[a-z]*$/, ""))
  } catch {
    return undefined
  }
}

/** The channels that a token names by their whole name. */
function named(token: string | undefined): string[] {
  return (patterns(token) ?? []).filter(p => !p.includes("*"))
}

function unlessUnauthorized(e: { code?: string }): { channels: never[] } {
  if (e.code === "unauthorized") throw e
  return { channels: [] }
}
