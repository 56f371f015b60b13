import type { Channel } from "./channel.js"
import type { Message } from "./types.js"

/** The messages of a channel from now on. See Channel.messages. */
export function iterate(channel: Channel): AsyncIterableIterator<Message> {
  const queue: Message[] = []
  let over = false, failure: Error | undefined
  let wake = (): void => {}
  const end = (why?: Error): void => {
    over = true
    failure ??= why
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
      if (s.status === "closed") end()
      else if (s.status === "refused") end(s.error as Error | undefined)
    }),
  ]
  return {
    async next() {
      while (!queue.length && !over) await new Promise<void>(resolve => wake = resolve)
      const value = queue.shift()
      if (value) return { value, done: false }
      if (failure) {
        const e = failure
        failure = undefined
        throw e
      }
      return { value: undefined, done: true }
    },
    async return() {
      queue.length = 0
      end()
      return { value: undefined, done: true }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
