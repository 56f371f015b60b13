import type { Channel } from "./channel.js"
import { until } from "./limit.js"
import type { Message } from "./types.js"

/** The messages of a channel from now on. See Channel.messages. */
export function iterate(channel: Channel, signal?: AbortSignal): AsyncGenerator<Message, void, undefined> {
  const queue: Message[] = []
  let over = false, failure: unknown
  let wake = (): void => {}
  const end = (why?: unknown): void => {
    over = true
    failure = why
    for (const off of offs) off()
    wake()
  }
  const offs = [
    channel.subscribe(m => {
      queue.push(m)
      wake()
    }),
    channel.on("refused", end),
    channel.on("state", s => {
      if (/closed|refused/.test(s.status)) end(s.error)
    }),
  ]
  const all = async function* (): AsyncGenerator<Message, void, undefined> {
    try {
      while (queue.length || !over) {
        if (queue.length) yield queue.shift()!
        else await until(signal, () => new Promise<void>(resolve => wake = resolve))
      }
      if (failure) throw failure
    } finally {
      end()
    }
  }()
  // A generator that waits hears of return only when it goes on, one that has not begun never.
  const own = all.return.bind(all)
  all.return = value => {
    queue.length = 0
    end()
    return own(value)
  }
  return all
}
