import type { Channel, Client, Message, MessageChanged, Outgoing, Person, PresenceChange, System, Welcome } from "/parley.js"
import { MessageView, PresenceView, ReactionView } from "../shared/views.js"
import { draftOf, keepDraft } from "./drafts.js"
import { names } from "./known.js"
import { durable } from "./outgoing.js"

/** A line that is not stored: who came and went, and what the server says. It stands after message `after`, and begins with a name if it is about somebody. */
export interface Note { after: number; who?: string; text: string }

/** What changed, for who shows it. */
export type What = "messages" | "typing" | "people" | "draft" | "settings"

/** What a channel is called, and who can read it. */
export interface Settings { title?: string; topic?: string; kind?: "public" | "members" }

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
  notes: Note[] = []
  people = new Map<string, string>() // user → name; not all of them if there are more
  present: number | undefined // undefined while that is not known, or not for us to know
  members = new Set<string>()
  allMembers = false // else there are more
  settings: Settings | undefined // undefined while they are not known
  typing = new Map<string, { name: string; until: number }>()
  more = false // there is history before the first message
  loaded = false
  loading = false
  newAfter: number | undefined // the "new" line stands after this id
  seen = 0 // the highest id that was really visible
  view: unknown // where the list stood
  refused: { code: string; message: string } | undefined // why the visitor may not read it
  resumed = 0 // the cursor that the latest connection went on from
  #before = 0
  #stale = false // who is here may have changed while there was no connection
  readonly #view = new MessageView()
  readonly #presence = new PresenceView()
  readonly #reactions: ReactionView
  readonly #marked = new Map<number, number>() // how often it turned out that the user reacted to a message
  #posted: Set<string> | undefined // who posted since the members were asked for
  readonly #told = new Set<(what: What) => void>()
  readonly #off: (() => void)[]

  readonly #events: RoomEvents
  #draft: string

  constructor(channel: Channel, me: string, events: RoomEvents) {
    this.channel = channel
    this.me = me
    this.#draft = draftOf(me, channel.name)
    this.#events = events
    this.#reactions = new ReactionView(events.request, channel, id => {
      this.#marked.set(id, this.marked(id) + 1)
      this.#tell("messages")
    })
    this.#off = [
      channel.subscribe(m => this.#message(m)),
      channel.on("changed", c => this.#changed(c)),
      channel.on("outbox", o => this.#outgoing(o)),
      channel.on("typing", p => this.#types(p)),
      channel.on("user-joined", p => this.#joined(p)),
      channel.on("user-left", p => this.#left(p)),
      channel.on("presence", p => this.#moves(p)),
      channel.on("system", s => this.#system(s)),
      channel.on("reset", () => this.#restart()),
      channel.on("refused", e => {
        this.refused = e
        this.#giveBack()
        this.#tell("messages")
      }),
      channel.on("subscribed", w => {
        if (this.refused) this.#tell("messages")
        this.refused = undefined
        this.resumed = w.cursor
        events.subscribed(this, w)
        if (!this.loaded) void this.load()
        this.#stale = true
        this.#reactions.again()
        this.#freshen()
      }),
    ]
    void this.load()
  }

  get name(): string {
    return this.channel.name
  }

  /** What is written and not sent. */
  get draft(): string {
    return this.#draft
  }

  set draft(text: string) {
    this.#draft = text
    keepDraft(this.me, this.name, text)
  }

  /** Ascending. */
  get messages(): readonly Message[] {
    return this.#view.messages
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
    const all = new Map([...this.members].map(user => [user, names.of(user)]))
    for (const { user } of this.messages) if (user !== "guest") all.set(user, names.of(user))
    for (const user of this.people.keys()) all.set(user, names.of(user))
    return all
  }

  on(told: (what: What) => void): () => void {
    this.#told.add(told)
    this.#freshen()
    return () => this.#told.delete(told)
  }

  /** Asks again whether the channel may be read. */
  retry(): void {
    this.channel.subscribe(() => {})() // a new listener has not been refused yet
  }

  close(): void {
    for (const off of this.#off) off()
    this.#told.clear()
  }

  get(id: number): Message | undefined {
    return this.#view.get(id)
  }

  /** Whether the user has reacted to a message with this. Where many have, it may turn out later. */
  mine(m: Message, emoji: string): boolean {
    return !!this.me && this.#reactions.mine(m, emoji, this.me)
  }

  /** A number that changes when what `mine` says of a message does, though the message does not. */
  marked(id: number): number {
    return this.#marked.get(id) ?? 0
  }

  /** Reads the newest page, unless it was. A failure is tried again with the next connection. */
  async load(): Promise<void> {
    if (this.loading || this.loaded) return
    if (await this.#read({ limit: firstPage }) === undefined) return
    this.loaded = true
    this.#tell("messages")
  }

  /** Reads the page before what is loaded. */
  async older(): Promise<void> {
    if (this.loading || !this.more) return
    while (this.more && await this.#read({ before: this.#before, limit: nextPage }) === 0);
    this.#tell("messages")
  }

  /** Reads a page, and returns how many messages it has; undefined if that failed (the state of the client says why) or a reset came. */
  async #read(query: { before?: number; limit: number }): Promise<number | undefined> {
    this.loading = true
    const take = this.#view.asking()
    try {
      const page = await this.channel.history(query)
      this.loading = false
      if (!take(page)) return void this.load()
      for (const m of [...page.messages].reverse()) names.learn(m.user, m.name, true)
      this.more = page.more
      this.#before = page.before
      return page.messages.length
    } catch {
      this.loading = false
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
    names.learn(m.user, m.name)
    this.#view.add(m)
    if (m.user !== this.me) this.#posted?.add(m.user)
    if (m.user !== "guest" && m.user !== this.me && !this.members.has(m.user)) { // an own one counts when it is durable: it may come by after a removal
      this.members.add(m.user)
      this.#tell("people")
    }
    if (!known) this.#events.heard(this, m)
    this.#tell("messages")
  }

  #changed(c: MessageChanged): void {
    this.#events.changed(c.message)
    if (c.change === "reaction" && c.user === this.me) this.#reactions.reacted(c.of)
    if (this.#view.change(c)) this.#tell("messages")
  }

  /** What is durable stands in the channel at once, even if it has not come by yet. */
  #outgoing(o: Outgoing): void {
    const m = durable(o, this.me)
    if (m && this.loaded && !this.get(m.id)) this.#view.add(m)
    if (m && this.me && !this.members.has(this.me)) { // who posts becomes a member
      this.members.add(this.me)
      this.#tell("people")
    }
    this.#giveBack()
    this.#tell("messages")
  }

  /** What was written into a channel that may not be read is not sent: it goes back to the composer. */
  #giveBack(): void {
    if (!this.refused) return
    for (const { state, key, text } of this.pending) if (state === "failed" && this.channel.discard(key)) {
      this.draft = [this.draft, text].filter(Boolean).join("\n")
      this.#tell("draft")
    }
  }

  #types({ user, name = user }: Person): void {
    if (user === this.me) return
    this.typing.set(user, { name, until: Date.now() + typingFor })
    this.#tell("typing")
  }

  #joined({ user, name = user }: Person): void {
    names.learn(user, name)
    const known = this.people.has(user)
    this.#show(this.#presence.joined(user))
    if (!known && user !== this.me) this.#note(" joined", name)
  }

  #left({ user }: Person): void {
    this.#show(this.#presence.left(user))
    if (this.typing.delete(user)) this.#tell("typing")
  }

  #moves(p: PresenceChange): void {
    if (this.#presence.moved(p)) void this.#readPresence()
    this.#show()
  }

  #show(_?: void): void {
    const { users, count } = this.#presence
    this.people = new Map(users.map(user => [user, names.of(user)]))
    this.present = count
    this.#tell("people")
  }

  /** Who is here and who belongs here, after each connection, but only if somebody looks: a server that comes back has enough to do. */
  #freshen(): void {
    if (!this.#stale || !this.#told.size) return
    this.#stale = false
    void this.readSettings()
    void this.#readPresence()
    void this.#readMembers()
  }

  /** Who belongs here has changed. */
  readPeople(): void {
    void this.#readMembers()
  }

  /** What the channel is called, and who can read it. */
  async readSettings(): Promise<void> {
    if (this.name.startsWith("@")) return
    try {
      this.settings = await this.#events.request("GET", `/api/channels/${encodeURIComponent(this.name)}`) as Settings
      this.#tell("settings")
    } catch { // as below
    }
  }

  async #readPresence(): Promise<void> {
    const take = this.#presence.asking()
    try {
      if (take(await this.channel.presence())) this.#show()
    } catch { // no right to see it, or no connection: then the next one
    }
  }

  /** Who belongs here, whether they are here or not. */
  async #readMembers(): Promise<void> {
    if (this.name.startsWith("@")) return
    const posted = this.#posted = new Set<string>()
    try {
      const { members, next } = await this.#events.request("GET", `/api/channels/${encodeURIComponent(this.name)}/members?limit=${mostMembers}`) as { members: { user: string }[]; next?: string }
      if (posted !== this.#posted) return // they were asked for again
      this.members = new Set([...members.map(m => m.user), ...posted])
      this.allMembers = !next
      this.#tell("people")
    } catch { // as above
    }
  }

  /** A line of the server's, which may begin with the name of whom it is about. */
  #system({ text, user = "" }: System): void {
    const who = [names.of(user), user].find(name => name && text.startsWith(name))
    this.#note(text.slice(who?.length ?? 0), who)
  }

  #note(text: string, who?: string): void {
    this.notes.push({ after: this.last?.id ?? 0, who, text })
    if (this.notes.length > mostNotes) this.notes.shift()
    this.#tell("messages")
  }

  #restart(): void {
    this.#view.clear()
    this.#reactions.clear()
    this.notes = []
    this.more = this.loaded = false
    this.#before = this.seen = 0
    this.newAfter = undefined
    if (!this.loading) void this.load()
    this.#tell("messages")
  }

  #tell(what: What): void {
    for (const told of this.#told) told(what)
  }
}
