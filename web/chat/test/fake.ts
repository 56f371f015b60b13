import type { Channel, ChannelEvents, Message, MessageChanged, Page, Presence } from "/parley.js"

/** A question that the test answers when it likes. */
export interface Asked<T> { answer(value: T): Promise<void>; fail(): Promise<void> }

/** Lets all that is ready run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise(resolve => setImmediate(resolve))
}

/** Questions of one kind, in the order in which they were asked. */
export class Questions<T> {
  readonly asked: Asked<T>[] = []
  readonly ask = (): Promise<T> => new Promise((resolve, reject) => this.asked.push({
    answer: value => { resolve(value); return settle() },
    fail: () => { reject(new Error("no network")); return settle() },
  }))
}

/** A channel whose server is the test. */
export class FakeChannel {
  readonly name = "general"
  readonly history = new Questions<Page>()
  readonly threads = new Questions<Message[]>()
  readonly presence = new Questions<Pick<Presence, "count" | "users">>()
  readonly requests = new Map<string, Questions<unknown>>()
  readonly threadQueries: unknown[] = []
  cursor: number | undefined = 10
  outbox = []
  readonly #listeners: [string, (value: never) => void][] = []

  emit<K extends keyof ChannelEvents>(name: K, value: Partial<ChannelEvents[K]>): void {
    for (const [is, listener] of [...this.#listeners]) if (is === name) listener(value as never)
  }

  /** What the page sees. */
  get channel(): Channel {
    const on = (name: string, listener: (value: never) => void): (() => void) => {
      const own: [string, (value: never) => void] = [name, listener]
      this.#listeners.push(own)
      return () => void this.#listeners.splice(this.#listeners.indexOf(own), 1)
    }
    const self = this
    return {
      name: this.name, on,
      get cursor() { return self.cursor },
      get outbox() { return self.outbox },
      subscribe: (listener: (m: Message) => void) => on("message", listener as (value: never) => void),
      history: () => this.history.ask(),
      thread: (_: number, query: unknown) => { this.threadQueries.push(query); return this.threads.ask() },
      presence: () => this.presence.ask(),
    } as unknown as Channel
  }

  readonly request = (method: string, path: string): Promise<unknown> => {
    const what = `${method} ${path.split("?")[0]}`
    const questions = this.requests.get(what) ?? new Questions()
    this.requests.set(what, questions)
    return questions.ask()
  }
}

export const message = (id: number, more: Partial<Message> = {}): Message => ({ type: "message", id, channel: "general", user: "bob", text: `m${id}`, timestamp: id, ...more })
export const edit = (id: number, of: number, text: string, more: Partial<Message> = {}): MessageChanged =>
  ({ type: "message-changed", id, channel: "general", user: "bob", timestamp: id, of, change: "edit", message: message(of, { text, edited: true, ...more }) })
export const removal = (id: number, of: number): MessageChanged => {
  const { text: _, ...rest } = message(of)
  return { type: "message-changed", id, channel: "general", user: "bob", timestamp: id, of, change: "delete", message: { ...rest, deleted: true } }
}
export const page = (last: number, ...messages: Message[]): Page => ({ messages, last, before: messages[0]?.id ?? 0, more: (messages[0]?.id ?? 0) > 1 })
