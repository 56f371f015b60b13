import type { Channel, Client, Message, MessageChanged, Outgoing, Person, Presence, PresenceChange, Welcome } from "/parley.js"
import { durable } from "./outgoing.js"

/** A line that is not stored: who came and went, and what the server says. It stands after message `after`. */
export interface Note { after: number; text: string }

/** What changed, for who shows it. */
export type What = "messages" | "typing" | "people"

export interface RoomEvents {
  /** Asks the server for what a channel of the client does not. */
  request: Client["request"]
  /** A message came that is new, not history. */
  heard(room: Room, m: Message): void
  /** A message is now so. */
  changed(m: Message): void
  /** A connection goes on from here. */
  subscribed(room: Room, w: Welcome): void
}

const firstPage = 60, nextPage = 200, mostMembers = 500, typingFor = 4_000, mostNotes = 50

/**
 * What is known of one channel, apart from how it is shown. It is kept when another channel
 * is looked at, and goes on hearing what is said.
 */
export class Room {
  readonly channel: Channel
  readonly me: string
  messages: Message[] = [] // ascending
  notes: Note[] = []
  people = new Map<string, string>() // user → name; not all of them if there are more
  present: number | undefined // undefined while that is not known, or not for us to know
  members = new Set<string>()
  allMembers = false // else there are more
  typing = new Map<string, { name: string; until: number }>()
  more = false // there is history before the first message
  loaded = false
  loading = false
  newAfter: number | undefined // the "new" line stands after this id
  seen = 0 // the highest id that was really visible
  draft = ""
  view: unknown // where the list stood
  refused = ""
  resumed = 0 // the cursor that the latest connection went on from
  #before = 0
  #stale = false // who is here may have changed while there was no connection
  #moved = 0 // how often somebody came or went
  #life = 0 // of what is loaded: a reset begins another
  readonly #told = new Set<(what: What) => void>()
  readonly #off: (() => void)[]

  readonly #events: RoomEvents

  constructor(channel: Channel, me: string, events: RoomEvents) {
    this.channel = channel
    this.me = me
    this.#events = events
    this.#off = [
      channel.subscribe(m => this.#message(m)),
      channel.on("changed", c => this.#changed(c)),
      channel.on("outbox", o => this.#outgoing(o)),
      channel.on("typing", p => this.#types(p)),
      channel.on("user-joined", p => this.#joined(p)),
      channel.on("user-left", p => this.#left(p)),
      channel.on("presence", p => this.#presence(p)),
      channel.on("system", s => this.#note(s.text)),
      channel.on("reset", () => this.#restart()),
      channel.on("refused", e => {
        this.refused = e.message
        this.#tell("messages")
      }),
      channel.on("subscribed", w => {
        this.refused = ""
        this.resumed = w.cursor
        events.subscribed(this, w)
        if (!this.loaded) void this.load()
        this.#stale = true
        this.#readPeople()
      }),
    ]
    void this.load()
  }

  get name(): string {
    return this.channel.name
  }

  get last(): Message | undefined {
    return this.messages.at(-1)
  }

  /** Own messages that are not in the channel yet. */
  get pending(): Outgoing[] {
    return this.channel.outbox
  }

  /** Everybody who is here, is a member or has said something: user → name. */
  get known(): Map<string, string> {
    const all = new Map([...this.members].map(user => [user, user]))
    for (const { user, name = user } of this.messages) if (user !== "guest") all.set(user, name)
    for (const [user, name] of this.people) if (name !== user || !all.has(user)) all.set(user, name)
    return all
  }

  on(told: (what: What) => void): () => void {
    this.#told.add(told)
    this.#readPeople()
    return () => this.#told.delete(told)
  }

  close(): void {
    for (const off of this.#off) off()
    this.#told.clear()
  }

  get(id: number): Message | undefined {
    const at = this.#place(id)
    return this.messages[at]?.id === id ? this.messages[at] : undefined
  }

  /** Reads the newest page, unless it was. A failure is tried again with the next connection. */
  async load(): Promise<void> {
    if (this.loading || this.loaded) return
    this.loading = true
    const life = this.#life
    try {
      const page = await this.channel.history({ limit: firstPage })
      if (life !== this.#life) return
      this.loaded = true
      this.#merge(page.messages)
      this.more = page.more
      this.#before = page.before
      this.#tell("messages")
    } catch { // the state of the client says why
    } finally {
      this.loading = false
      if (life !== this.#life) void this.load()
    }
  }

  /** Reads the page before what is loaded. */
  async older(): Promise<void> {
    if (this.loading || !this.more) return
    this.loading = true
    const life = this.#life
    try {
      for (let found = 0; this.more && found === 0;) {
        const page = await this.channel.history({ before: this.#before, limit: nextPage })
        if (life !== this.#life) return
        this.#merge(page.messages)
        this.more = page.more
        this.#before = page.before
        found = page.messages.length
      }
      this.#tell("messages")
    } catch { // scrolling asks again
    } finally {
      this.loading = false
      if (life !== this.#life) void this.load()
    }
  }

  /** Drops who has stopped typing. */
  tick(now: number): void {
    let changed = false
    for (const [user, { until }] of this.typing) if (until < now) changed = this.typing.delete(user) || changed
    if (changed) this.#tell("typing")
  }

  #message(m: Message): void {
    if (this.typing.delete(m.user)) this.#tell("typing")
    const known = this.get(m.id)
    this.#merge([m])
    if (m.user !== "guest" && !this.members.has(m.user)) { // who posts becomes one
      this.members.add(m.user)
      this.#tell("people")
    }
    if (!known) this.#events.heard(this, m)
    this.#tell("messages")
  }

  #changed({ of, message }: MessageChanged): void {
    this.#events.changed(message)
    const at = this.#place(of)
    if (this.messages[at]?.id !== of) return
    this.messages[at] = message
    this.#tell("messages")
  }

  /** What is durable stands in the channel at once, even if it has not come by yet. */
  #outgoing(o: Outgoing): void {
    const m = durable(o, this.me)
    if (m && this.loaded && !this.get(m.id)) this.#merge([m])
    this.#tell("messages")
  }

  #types({ user, name = user }: Person): void {
    if (user === this.me) return
    this.typing.set(user, { name, until: Date.now() + typingFor })
    this.#tell("typing")
  }

  #joined({ user, name = user }: Person): void {
    this.#moved++
    if (this.people.has(user)) return
    this.people.set(user, name)
    this.present = (this.present ?? 0) + 1
    if (user !== this.me) this.#note(`${name} joined`)
    this.#tell("people")
  }

  #left({ user }: Person): void {
    this.#moved++
    if (this.people.delete(user)) this.present!--
    if (this.typing.delete(user)) this.#tell("typing")
    this.#tell("people")
  }

  #presence({ joined = [], left = [], count }: PresenceChange): void {
    this.#moved++
    for (const user of joined) if (!this.people.has(user)) this.people.set(user, user)
    for (const user of left) this.people.delete(user)
    this.present = count
    this.#tell("people")
  }

  /** Who is here and who belongs here, after each connection, but only if somebody looks: a server that comes back has enough to do. */
  #readPeople(): void {
    if (!this.#stale || !this.#told.size) return
    this.#stale = false
    void this.#readPresence()
    void this.#readMembers()
  }

  async #readPresence(): Promise<void> {
    let found!: Presence
    try {
      for (let tries = 0, moved = -1; moved !== this.#moved && tries < 3; tries++) {
        moved = this.#moved // who comes or goes now may or may not be in the answer
        found = await this.channel.presence()
      }
    } catch {
      return // no right to see it, or no connection: then the next one
    }
    const names = this.people
    this.people = new Map(found.users.map(({ user }) => [user, names.get(user) ?? this.#nameOf(user)]))
    this.present = found.count
    this.#tell("people")
  }

  /** Who belongs here, whether they are here or not. */
  async #readMembers(): Promise<void> {
    if (this.name.startsWith("@")) return
    try {
      const { members, next } = await this.#events.request("GET", `/api/channels/${encodeURIComponent(this.name)}/members?limit=${mostMembers}`) as { members: { user: string }[]; next?: string }
      this.members = new Set(members.map(m => m.user))
      this.allMembers = !next
      this.#tell("people")
    } catch { // as above
    }
  }

  #nameOf(user: string): string {
    return this.messages.findLast(m => m.user === user && m.name)?.name ?? user
  }

  #note(text: string): void {
    this.notes.push({ after: this.last?.id ?? 0, text })
    if (this.notes.length > mostNotes) this.notes.shift()
    this.#tell("messages")
  }

  #restart(): void {
    this.#life++
    this.messages = []
    this.notes = []
    this.more = this.loaded = false
    this.#before = this.seen = 0
    this.newAfter = undefined
    if (!this.loading) void this.load()
    this.#tell("messages")
  }

  /** Puts messages where they belong; what is known is replaced. */
  #merge(some: Message[]): void {
    const { messages } = this
    if (some.length && (messages[0]?.id ?? 0) > some.at(-1)!.id) return void messages.unshift(...some)
    for (const m of some) {
      const at = this.#place(m.id)
      messages.splice(at, messages[at]?.id === m.id ? 1 : 0, m)
    }
  }

  /** Where a message with this id is, or would be. */
  #place(id: number): number {
    const { messages } = this
    let low = 0, high = messages.length
    if (!high || messages[high - 1]!.id < id) return high
    while (low < high) {
      const middle = (low + high) >> 1
      if (messages[middle]!.id < id) low = middle + 1
      else high = middle
    }
    return low
  }

  #tell(what: What): void {
    for (const told of this.#told) told(what)
  }
}
