import { failure, ParleyError } from "./error.js"
import { eventStream } from "./eventstream.js"
import { following, groups } from "./groups.js"
import type { Host, Stream } from "./stream.js"
import { timer } from "./timer.js"
import type { Frame } from "./types.js"

/** Three of the server's comments, in milliseconds. */
const patience = 75_000

/** GET /api/stream?channel_id=…, read with fetch: EventSource shows no status and sends no header. */
export function openSSE(host: Host): Stream {
  return groups(host, run)
}

async function run(host: Host, names: string[], signal: AbortSignal): Promise<void> {
  const { env } = host
  const began = env.now()
  const answer = await host.http_.ask_("GET", "/api/stream",
    { query_: following(host, names), headers: { Accept: "text/event-stream" }, held_: true, signal })
  host.trip_(env.now() - began)
  const push = eventStream((name, data, retry) => {
    const frame = JSON.parse(data) as Frame
    if (name === "draining") throw ParleyError.of(frame, 0, retry)
    if (!signal.aborted) host.take_({ ...frame, type: frame.type ?? name })
  })
  const reader = answer.body!.getReader()
  const idle = timer(env, signal)
  for (;;) {
    idle(patience, () => host.lost_(failure("timeout")))
    const { done, value }: { done: boolean; value?: Uint8Array } = await reader.read().catch(() => ({ done: true }))
    if (done) throw failure("gone")
    push(value)
  }
}
