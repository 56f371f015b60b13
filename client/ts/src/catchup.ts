import type { Channel } from "./channel.js"
import type { Env } from "./env.js"
import type { Http } from "./http.js"
import { pollOnce } from "./polls.js"

/** Before it is asked again for what must be there, in milliseconds. */
const pause = 1_000

const busy = new WeakSet<Channel>()

/** Asks for what is after a channel's cursor until there is no more: for what a stream left out. */
export function catchUp(env: Env, http: Http, channel: Channel, signal: AbortSignal): void {
  if (busy.has(channel)) return
  busy.add(channel)
  void ask(env, http, channel, signal).catch(() => false).then(done => {
    busy.delete(channel)
    if (!done && channel.wanted_ && !signal.aborted) env.setTimeout(() => catchUp(env, http, channel, signal), pause)
  })
}

/** Tells whether all is there that is known to be. */
async function ask(env: Env, http_: Http, channel: Channel, signal: AbortSignal): Promise<boolean> {
  for (let from: number | null | undefined = null; from !== channel.cursor;) {
    from = channel.cursor
    let moved = false // by another reset; what this answer says belongs to a cursor that is no more
    await pollOnce({
      env, http_: http_,
      wanted_: () => [channel.position_],
      take_: f => {
        moved ||= f.type === "reset" && channel.cursor !== from
        if (!moved) channel.accept_(f, true)
      },
    }, [channel.name], 0, signal, false)
  }
  return !channel.ahead_
}
