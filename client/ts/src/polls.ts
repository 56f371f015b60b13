import type { ParleyError } from "./error.js"
import { following, Groups } from "./groups.js"
import { patience } from "./http.js"
import type { Host, Stream } from "./stream.js"
import type { Frame } from "./types.js"

/** How long the server holds a poll at first, and at least, in seconds. */
const longest = 25, shortest = 2
/** The page that polls ask for. */
export const pageSize = 500

/** The answer to GET /api/messages/poll. */
interface Held {
  messages: Frame[]
  last_id?: number
  cursor?: string
  epoch: string
  reset?: Frame | Frame[]
}

/** GET /api/messages/poll, again and again. */
export function openLongPoll(host: Host): Stream {
  return new Groups(host, run, (longest + patience / 1000) * 1000 + 5_000)
}

/**
 * The first poll is not held: it shows quickly whether polls come through. One that was held
 * and failed may have been cut by a proxy, so the next is not held, and those after it shorter.
 */
async function run(host: Host, names: string[], signal: AbortSignal, touch: () => void): Promise<void> {
  let most = longest
  for (let hold = 0; !signal.aborted;) {
    try {
      await pollOnce(host, names, hold, signal)
      touch()
      hold = most
    } catch (e) {
      if (!hold || (e as ParleyError).terminal || (e as ParleyError).retryAfter) throw e
      most = Math.max(most / 2, shortest)
      hold = 0
    }
  }
}

/**
 * Asks once for what is after the cursors, waiting at most `hold` seconds, and hands on the
 * frames that a stream would carry. Returns how many entries came.
 */
export async function pollOnce(host: Host, names: string[], hold: number, signal: AbortSignal): Promise<number> {
  const began = host.env.now()
  const known = new Map(host.wanted().map(p => [p.name, p.cursor]))
  const { json } = await host.http.ask("GET", "/api/messages/poll",
    { query: { ...following(host, names), timeout: hold, limit: pageSize }, limit: hold * 1000 + patience, signal })
  const answer = json as Held
  if (signal.aborted) return 0
  if (!hold) host.trip(host.env.now() - began)
  const resets = [answer.reset ?? []].flat()
  if (!hold) for (const channel of names) {
    const reset = resets.find(r => r.channel === channel)
    const last_id = cursorOf(answer, channel), at = known.get(channel)
    host.frame({ type: "welcome", channel, cursor: reset ? last_id : at ?? last_id, last_id, epoch: answer.epoch, resumed: at !== undefined && !reset })
  }
  for (const r of resets) host.frame({ channel: names[0], ...r, type: "reset", epoch: answer.epoch })
  for (const m of answer.messages) host.frame(m)
  host.alive()
  return answer.messages.length
}

/** Where a channel stands after the answer: `last_id`, or its part of `A:42,B:7`. */
function cursorOf(answer: Held, channel: string): number {
  if (answer.cursor === undefined) return answer.last_id ?? 0
  const part = answer.cursor.split(",").find(p => p.startsWith(channel + ":") && p.lastIndexOf(":") === channel.length)
  return Number(part?.slice(channel.length + 1))
}
