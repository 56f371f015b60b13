import { ParleyError } from "./error.js"
import { following, Groups } from "./groups.js"
import { pageSize } from "./longpoll.js"
import type { Host, Stream } from "./stream.js"
import type { Frame } from "./types.js"

/** Between two polls that found nothing, in milliseconds. */
const interval = 2_000

/** GET /api/messages, every two seconds: what gets through everywhere. */
export function openPoll(host: Host): Stream {
  return new Groups(host, run, 60_000)
}

async function run(host: Host, names: string[], signal: AbortSignal, touch: () => void): Promise<void> {
  const greeted = new Set<string>()
  while (!signal.aborted) {
    for (const { name, cursor } of host.wanted())
      if (names.includes(name) && cursor === undefined) await greet(host, name, signal, greeted)
    const full = await page(host, names, signal, greeted)
    touch()
    if (!full && !signal.aborted) await pause(host, interval, signal)
  }
}

/** Asks for the head of a channel that has no cursor, and begins there. */
async function greet(host: Host, channel: string, signal: AbortSignal, greeted: Set<string>): Promise<void> {
  const answer = await host.http.ask("GET", "/api/messages", { query: { channel_id: channel, limit: 1 }, signal })
  if (!answer.header("Parley-Last-Id")) throw new ParleyError("bad_answer", "the answer has no Parley-Last-Id")
  const last = Number(answer.header("Parley-Last-Id"))
  if (!signal.aborted) host.frame({ type: "welcome", channel, cursor: last, last_id: last, epoch: answer.header("Parley-Epoch"), resumed: false })
  greeted.add(channel)
}

/** Asks for what is after the cursors. Tells whether there may be more at once. */
async function page(host: Host, names: string[], signal: AbortSignal, greeted: Set<string>): Promise<boolean> {
  const began = host.env.now()
  const at = host.wanted()
  try {
    const answer = await host.http.ask("GET", "/api/messages", { query: { ...following(host, names), limit: pageSize }, signal })
    if (signal.aborted) return false
    host.trip(host.env.now() - began)
    const epoch = answer.header("Parley-Epoch")
    for (const { name, cursor } of at) {
      if (!names.includes(name) || greeted.has(name)) continue
      greeted.add(name)
      host.frame({ type: "welcome", channel: name, cursor, last_id: Number(answer.header("Parley-Last-Id")) || cursor, epoch, resumed: true })
    }
    const entries = answer.json as Frame[]
    for (const e of entries) host.frame(e)
    host.alive()
    return entries.length >= pageSize
  } catch (e) {
    if (!(e instanceof ParleyError) || e.code !== "cursor_gone" || signal.aborted) throw e
    host.frame({ channel: names[0], ...e.body, type: "reset" })
    return true
  }
}

/** Waits, or less if it is over. */
function pause(host: Host, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = host.env.setTimeout(resolve, ms)
    signal.addEventListener("abort", () => {
      host.env.clearTimeout(timer)
      resolve()
    })
  })
}
