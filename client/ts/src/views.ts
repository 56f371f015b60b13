import type { Channel } from "./channel.js"
import type { InboxEntry, Membership, Message, MessageChanged, Page, Presence, PresenceChange, Unread } from "./types.js"

// What a program shows of a channel is made of answers (a page of history, who is here, the
// inbox) and of live events, and an answer may come long after events that are newer than it.
// These classes hold the one rule for that: listen first, then ask; apply by id; keep what is
// newer. They do no I/O and know no clock.

interface Held { message: Message; version: number; shown: boolean }

/** How many messages are kept for which only a change has come. An answer asked for later shows the change itself. */
const mostUnknown = 1_000

/**
 * The messages of a channel as they are now. Each has a version: the id of the entry that it
 * is known from, or for a page of history the last entry that the page shows. The higher
 * version stays. A change of a message that is not there yet waits for it; what was deleted
 * stays deleted.
 */
export class MessageView {
  /** Ascending. */
  messages: readonly Message[] = []
  readonly #held = new Map<number, Held>()
  #life = 0 // counts clear: what was asked before one is of no use

  /** To be called when a page is asked for. The result takes the page, and reports whether it still was of use. */
  asking(): (page: Page) => boolean {
    const life = this.#life
    return ({ messages, last }) => {
      if (life !== this.#life) return false
      this.#show(messages, last)
      return true
    }
  }

  /** A message came, live. */
  add(message: Message): void {
    this.#show([message], message.id)
  }

  /** A change came, live. Reports whether the message is shown. */
  change({ id, message }: MessageChanged): boolean {
    const held = this.#put(message, id, false)
    if (held.shown) this.#list()
    else this.#forget()
    return held.shown
  }

  get(id: number): Message | undefined {
    const held = this.#held.get(id)
    return held?.shown ? held.message : undefined
  }

  /** After a reset: nothing that is known or was asked for counts. */
  clear(): void {
    this.#life++
    this.#held.clear()
    this.messages = []
  }

  #show(messages: readonly Message[], version: number): void {
    for (const m of messages) this.#put(m, version, true)
    this.#list()
  }

  #put(message: Message, version: number, show: boolean): Held {
    const was = this.#held.get(message.id)
    const shown = show || !!was?.shown
    const newer = !was || !was.message.deleted && version >= was.version || !!message.deleted
    const held = newer ? { message, version, shown } : { ...was, shown }
    this.#held.set(message.id, held)
    return held
  }

  #list(): void {
    this.messages = [...this.#held.values()].filter(h => h.shown).map(h => h.message).sort((a, b) => a.id - b.id)
  }

  #forget(): void {
    let unknown = this.#held.size - this.messages.length - mostUnknown
    for (const [id, { shown }] of this.#held) {
      if (unknown <= 0) return
      if (shown) continue
      this.#held.delete(id)
      unknown--
    }
  }
}

/** Who is in a channel. What came while an answer was on its way is applied to the answer too. */
export class PresenceView {
  count = 0
  users: readonly string[] = []
  #since: { user: string; here: boolean; count?: number }[] = [] // since the latest question
  #asks = 0

  /** To be called when the presence is asked for. The result takes the answer, unless another was asked for since. */
  asking(): (answer: Pick<Presence, "count" | "users">) => boolean {
    const ask = ++this.#asks
    this.#since = []
    return ({ count, users }) => {
      if (ask !== this.#asks) return false
      this.count = count
      this.users = users.map(u => u.user)
      const since = this.#since
      for (const { user, here, count } of since) this.#apply(user, here, count)
      return true
    }
  }

  joined(user: string): void {
    this.#move(user, true)
  }

  left(user: string): void {
    this.#move(user, false)
  }

  /** The event `presence` of large channels. True: somebody's leaving was missed, and the presence must be asked for. */
  moved({ joined = [], left = [], count }: Omit<PresenceChange, "type" | "channel">): boolean {
    for (const user of left) this.#move(user, false, count)
    for (const user of joined) this.#move(user, true, count)
    if (!joined.length && !left.length) this.#move("", false, count)
    return this.users.length > count
  }

  /** Another user has signed in. */
  clear(): void {
    this.#asks++
    this.#since = []
    this.count = 0
    this.users = []
  }

  #move(user: string, here: boolean, count?: number): void {
    this.#since.push({ user, here, count })
    this.#apply(user, here, count)
  }

  #apply(user: string, here: boolean, count?: number): void {
    const known = this.users.includes(user)
    if (here !== known) this.users = here ? [...this.users, user] : this.users.filter(u => u !== user)
    this.count = count ?? this.count + Number(here && !known) - Number(!here && known)
  }
}

export interface Counts { readonly unread: number; readonly mentions: number }

/** The unread counts of a user's channels. What an event told while the inbox was read stays. */
export class UnreadView {
  total = 0
  channels: Readonly<Record<string, Counts>> = {}
  #since = new Map<string, Counts | undefined>() // channels that events were about since the latest question
  #told: number | undefined // the latest total since then
  #asks = 0

  /** To be called when the inbox is asked for. The result takes all of its pages, unless it was asked for again since. */
  asking(): (entries: readonly InboxEntry[]) => boolean {
    const ask = ++this.#asks
    this.#since.clear()
    this.#told = undefined
    return entries => {
      if (ask !== this.#asks) return false
      const all = new Map<string, Counts | undefined>(entries.map(({ channel, unread = 0, mentions = 0 }) => [channel, { unread, mentions }]))
      for (const [channel, counts] of this.#since) all.set(channel, counts)
      this.#take(all, this.#told)
      return true
    }
  }

  /** The event `unread`. */
  told({ channel, unread, mentions, total }: Omit<Unread, "type">): void {
    this.#set(channel, { unread, mentions }, total)
  }

  /** The event `member-removed`. */
  removed({ channel }: Pick<Membership, "channel">): void {
    this.#set(channel, undefined, undefined)
  }

  /** Another user has signed in. */
  clear(): void {
    this.#asks++
    this.#since.clear()
    this.#take(new Map(), 0)
  }

  #set(channel: string, counts: Counts | undefined, total: number | undefined): void {
    this.#since.set(channel, counts)
    this.#told = total
    this.#take(new Map([...Object.entries(this.channels), [channel, counts]]), total)
  }

  #take(all: Map<string, Counts | undefined>, total: number | undefined): void {
    const known = [...all].filter((e): e is [string, Counts] => e[1] !== undefined)
    this.channels = Object.fromEntries(known)
    this.total = total ?? known.reduce((sum, [, c]) => sum + c.unread, 0)
  }
}

/** Who gave one emoji to a message; `mine`: the caller did. `next` asks for the following users. */
export interface Reactions { count: number; mine: boolean; users: string[]; next?: string }

/**
 * Whether the user is among those who reacted. A message lists at most twenty of them; where more
 * reacted the server is asked, once for each message and emoji, and the answer remembered until
 * the user reacts again.
 */
export class ReactionView {
  readonly #request: (method: string, path: string) => Promise<unknown>
  readonly #channel: string
  readonly #changed: (message: number) => void
  readonly #known = new Map<string, { mine?: boolean; failed?: boolean }>() // neither: asked

  /** `request`: the client's. `changed`: an answer came about a message. */
  constructor(request: (method: string, path: string) => Promise<unknown>, channel: Pick<Channel, "name">, changed: (message: number) => void) {
    this.#request = request
    this.#channel = channel.name
    this.#changed = changed
  }

  /** False while that is not known. */
  mine(message: Message, emoji: string, user: string): boolean {
    const given = message.reactions?.[emoji]
    if (!given || given.users.includes(user)) return !!given
    if (given.count <= given.users.length) return false
    const id = `${message.id} ${emoji}`
    if (!this.#known.has(id)) void this.#ask(id, message.id, emoji)
    return this.#known.get(id)?.mine ?? false
  }

  /** The user reacted to a message, or took it back, in whatever tab: with `emoji` that is known, else it is asked for again. */
  reacted(message: number, emoji?: string, on?: boolean): void {
    if (emoji !== undefined) this.#known.set(`${message} ${emoji}`, { mine: on })
    else for (const id of this.#known.keys()) if (id.startsWith(`${message} `)) this.#known.delete(id)
  }

  /** There is a connection again: what could not be asked is asked at the next look. */
  again(): void {
    for (const [id, { failed }] of this.#known) if (failed) this.#known.delete(id)
  }

  clear(): void {
    this.#known.clear()
  }

  async #ask(id: string, message: number, emoji: string): Promise<void> {
    const asked: { mine?: boolean; failed?: boolean } = {}
    this.#known.set(id, asked)
    try {
      const path = `/api/messages/${encodeURIComponent(this.#channel)}/${message}/reactions/${encodeURIComponent(emoji)}?limit=1`
      asked.mine = (await this.#request("GET", path) as Reactions).mine
      if (asked.mine && this.#known.get(id) === asked) this.#changed(message)
    } catch {
      asked.failed = true
    }
  }
}
