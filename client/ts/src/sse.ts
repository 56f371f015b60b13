import { ParleyError, silence } from "./error.js"
import { EventStream } from "./eventstream.js"
import { following, Groups } from "./groups.js"
import type { Host, Stream } from "./stream.js"
import { Timer } from "./timer.js"
import type { Frame } from "./types.js"

/** Three of the server's comments, in milliseconds. */
const patience = 75_000

/** GET /api/stream?channel_id=…, read with fetch: EventSource shows no status and sends no header. */
export function openSSE(host: Host): Stream {
  return new Groups(host, run)
}

async function run(host: Host, names: string[], signal: AbortSignal): Promise<void> {
  const began = host.env.now()
  const answer = await host.http.ask("GET", "/api/stream",
    { query: following(host, names), headers: { Accept: "text/event-stream" }, stream: true, signal })
  host.trip(host.env.now() - began)
  const events = new EventStream((name, data) => {
    const frame = JSON.parse(data) as Frame
    if (name === "draining") throw ParleyError.of(frame, 0, events.retry)
    if (!signal.aborted) host.frame({ ...frame, type: frame.type ?? name })
  })
  const reader = answer.body!.getReader()
  const idle = new Timer(host.env)
  signal.addEventListener("abort", () => idle.clear())
  for (;;) {
    idle.set(patience, () => host.lost(silence()))
    const { done, value } = await reader.read().catch(e => { throw new ParleyError("gone", `the stream broke: ${e}`) })
    if (done) throw new ParleyError("gone", "the stream ended")
    events.push(value)
  }
}
