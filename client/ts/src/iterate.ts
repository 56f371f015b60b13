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
      if (s.status === "closed" || s.status === "refused") end(s.error)
    }),
  ]
  const all = async function* (): AsyncGenerator<Message, void, undefined> {
    while (queue.length || !over) {
      if (queue.length) yield queue.shift()!
      else await new Promise<void>(resolve => wake = resolve)
    }
    if (failure) throw failure
  }()
  // A generator that waits hears of return only when it goes on, one that has not begun never.
  for (const name of ["return", "throw"] as const) {
    const own = all[name].bind(all)
    all[name] = (value: never) => {
      queue.length = 0
      end()
      return own(value)
    }
  }
  return all
}
