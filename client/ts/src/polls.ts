import type { ParleyError } from "./error.js"
import { following, groups, type Run } from "./groups.js"
import { patience } from "./limit.js"
import type { Host, Stream } from "./stream.js"
import { timer } from "./timer.js"
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
  return groups(host, run(longest))
}

/** The same, never held, every two seconds: what gets through everywhere. */
export function openPoll(host: Host): Stream {
  return groups(host, run(0))
}

/**
 * The first poll is not held: it shows quickly whether polls come through. One that was held
 * and failed may have been cut by a proxy, so the next is not held, and those after it shorter.
 */
function run(most: number): Run {
  return async (host, names, signal) => {
    const { env } = host
    const next = timer(env, signal)
    for (let hold = 0, first = true; !signal.aborted; first = false) {
      const began = env.now()
      try {
        const found = await pollOnce(host, names, hold, signal, first)
        if (signal.aborted) return
        if (!hold) host.trip_(env.now() - began)
        host.alive_()
        hold = most
        if (!most && !found) await new Promise<void>(resolve => next(interval, resolve))
      } catch (e) {
        if (!hold || (e as ParleyError).terminal || (e as ParleyError).retryAfter) throw e
        most = Math.max(most / 2, shortest)
        hold = 0
      }
    }
  }
}

/**
 * Asks once for what is after the cursors, waiting at most `hold` seconds, and hands on the
 * frames that a stream would carry; a welcome only at the `first`. Returns how many entries came.
 */
export async function pollOnce(host: Pick<Host, "env" | "http_" | "wanted_" | "take_">, names: string[], hold: number, signal: AbortSignal, first: boolean): Promise<number> {
  const cursors = new Map(host.wanted_().map(p => [p.name, p.cursor]))
  const { json_: json } = await host.http_.ask_("GET", "/api/messages/poll",
    { query_: { ...following(host, names), timeout: hold, limit: pageSize }, most_: hold * 1000 + patience, signal })
  const { messages, last_id, cursor, epoch, reset = [] } = json as Held
  if (signal.aborted) return 0
  const resets = [reset].flat()
  if (first) for (const channel of names) {
    const gone = resets.some(r => r.channel === channel)
    const last = cursor === undefined ? last_id : partOf(cursor, channel)
    const at = gone ? last : cursors.get(channel) ?? last
    host.take_({ type: "welcome", channel, cursor: at, last_id: last, epoch, resumed: at === cursors.get(channel) })
  }
  for (const r of resets) host.take_({ channel: names[0], ...r, type: "reset", epoch })
  for (const m of messages) host.take_(m)
  return messages.length
}

/** Where a channel stands in `A:42,B:7`. */
function partOf(cursor: string, channel: string): number {
  const part = cursor.split(",").find(p => p.slice(0, p.lastIndexOf(":")) === channel)
  return +part!.slice(channel.length + 1)
}
