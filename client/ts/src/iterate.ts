import type { Channel } from "./channel.js"
import type { Message } from "./types.js"

/** The messages of a channel from now on. See Channel.messages. */
export function iterate(channel: Channel): AsyncGenerator<Message, void, undefined> {
  const queue: Message[] = []
  let over = false, failure: unknown
  let wake = (): void => {}
  const end = (why?: unknown): void => {
    over = true
    failure = why
    wake()
  }
  const offs = [
    channel.subscribe(m => {
      queue.push(m)
      wake()
    }),
    channel.on("refused", end),
    channel.on("state", s => {
      if (s.status === "closed" || s.status === "refused") end(s.error)
    }),
  ]
  return async function* () {
    try {
      while (queue.length || !over) {
        if (queue.length) yield queue.shift()!
        else await new Promise<void>(resolve => wake = resolve)
      }
      if (failure) throw failure
    } finally {
      for (const off of offs) off()
    }
  }()
}
