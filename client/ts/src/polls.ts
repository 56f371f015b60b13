import type { ParleyError } from "./error.js"
import { following, Groups } from "./groups.js"
import { patience } from "./http.js"
import type { Host, Stream } from "./stream.js"
import { Timer } from "./timer.js"
import type { Frame } from "./types.js"

/** How long the server holds a poll at first, and at least, in seconds. */
const longest = 25, shortest = 2
/** Between two short polls that found nothing, in milliseconds. */
const interval = 2_000
const pageSize = 500

/** The answer to GET /api/messages/poll. */
interface Held {
  messages: Frame[]
  last_id?: number
  cursor?: string
  epoch: string
  reset?: Frame | Frame[]
}

/** GET /api/messages/poll, again and again, each held until there is something. */
export function openLongPoll(host: Host): Stream {
  return new Groups(host, runLong)
}

/** The same, never held, every two seconds: what gets through everywhere. */
export function openPoll(host: Host): Stream {
  return new Groups(host, runShort)
}

/**
 * The first poll is not held: it shows quickly whether polls come through. One that was held
 * and failed may have been cut by a proxy, so the next is not held, and those after it shorter.
 */
async function runLong(host: Host, names: string[], signal: AbortSignal): Promise<void> {
  let most = longest
  for (let hold = 0, first = true; !signal.aborted; first = false) {
    try {
      await pollOnce(host, names, hold, signal, first)
      hold = most
    } catch (e) {
      if (!hold || (e as ParleyError).terminal || (e as ParleyError).retryAfter) throw e
      most = Math.max(most / 2, shortest)
      hold = 0
    }
  }
}

async function runShort(host: Host, names: string[], signal: AbortSignal): Promise<void> {
  const timer = new Timer(host.env)
  signal.addEventListener("abort", () => timer.clear())
  for (let first = true; !signal.aborted; first = false) {
    const more = await pollOnce(host, names, 0, signal, first)
    if (!more && !signal.aborted) await new Promise<void>(resolve => timer.set(interval, resolve))
  }
}

/**
 * Asks once for what is after the cursors, waiting at most `hold` seconds, and hands on the
 * frames that a stream would carry; a welcome only at the `first`. Returns how many entries came.
 */
export async function pollOnce(host: Host, names: string[], hold: number, signal: AbortSignal, first: boolean): Promise<number> {
  const began = host.env.now()
  const cursors = new Map(host.wanted().map(p => [p.name, p.cursor]))
  const { json } = await host.http.ask("GET", "/api/messages/poll",
    { query: { ...following(host, names), timeout: hold, limit: pageSize }, limit: hold * 1000 + patience, signal })
  const { messages, last_id, cursor, epoch, reset = [] } = json as Held
  if (signal.aborted) return 0
  if (!hold) host.trip(host.env.now() - began)
  const resets = [reset].flat()
  if (first) for (const channel of names) {
    const gone = resets.some(r => r.channel === channel)
    const last = cursor === undefined ? last_id : partOf(cursor, channel)
    const at = gone ? last : cursors.get(channel) ?? last
    host.frame({ type: "welcome", channel, cursor: at, last_id: last, epoch, resumed: at === cursors.get(channel) })
  }
  for (const r of resets) host.frame({ channel: names[0], ...r, type: "reset", epoch })
  for (const m of messages) host.frame(m)
  host.alive()
  return messages.length
}

/** Where a channel stands in `A:42,B:7`. */
function partOf(cursor: string, channel: string): number {
  const part = cursor.split(",").find(p => p.slice(0, p.lastIndexOf(":")) === channel)
  return Number(part?.slice(channel.length + 1))
}
