import type { Message } from "/parley.js"
import { everybody, type Named } from "./complete.js"
import { Composer } from "./composer.js"
import { h, looking, put, soon, the } from "../shared/dom.js"
import { emptyNode } from "./empty.js"
import type { Inbox } from "./inbox.js"
import type { Offer } from "./home.js"
import { List } from "./list.js"
import { rowNode, said } from "./message.js"
import { refusedNode, whyNot } from "./refused.js"
import type { Room } from "./room.js"
import { mountRoving } from "./roving.js"
import { rows } from "./rows.js"
import { Thread } from "./thread.js"
import { mountTools, type Tools } from "./tools.js"
import { isolated } from "../shared/words.js"

/** How long a message must be visible to count as read, in milliseconds, and how long a failure is told. */
const glance = 300, problemFor = 8_000
/** Not more rows than this are in the document. */
const most = 110

export interface TalkEvents {
  /** Users are names. */
  development: boolean
  /** What the visitor's token allows. */
  allows: string[] | undefined
  /** `trouble` has changed. */
  told(): void
  /** The visitor opened a thread, or closed it. */
  threaded(root: number | undefined): void
  /** Channels that may be read, without one. */
  readable(except: string): Promise<Offer[]>
  open(channel: string): void
  /** A guest wants to do what needs a name. */
  nameless(): void
}

/** The conversation in the middle: the list of one room, what one does with its messages, the composer. */
export class Talk {
  readonly #me: string
  readonly #inbox: Inbox
  readonly #list: List
  readonly #composer: Composer
  readonly #more = the("more")
  readonly #log = the("log")
  readonly #tools: Tools
  readonly #thread: Thread
  readonly #life = new AbortController()
  readonly #way: TalkEvents
  #room!: Room // undefined until the first is opened, when only writing and drawing are possible
  #label = "" // of the room
  #empty: HTMLElement | undefined // stands in place of messages
  #emptyFor = "" // what it says
  #offers: Offer[] | undefined // channels in place of one that may not be read
  #placed = false // the list stands where the room is to be read on
  #missed = 0 // messages that came while one was not at the end
  #asked = 0 // up to where the read pointer was sent
  #timer: ReturnType<typeof setTimeout> | undefined
  #problem: ReturnType<typeof setTimeout> | undefined
  /** One sentence on what did not work. */
  trouble = ""

  readonly #draw = soon(() => this.#show())

  constructor(me: string, inbox: Inbox, events: TalkEvents) {
    this.#me = me
    this.#inbox = inbox
    this.#way = events
    const { threaded } = events
    const open = (root: number): void => {
      this.thread(root)
      threaded(root)
    }
    const inner = h("div", { id: "rows" })
    the("rows").replaceWith(inner)
    this.#list = new List(this.#log, inner, most, {
      make: row => rowNode(row, me, {
        react: (m, emoji, on) => me ? this.#try(this.#room.channel.react(m.id, emoji, on)) : events.nameless(),
        mine: (m, emoji) => this.#room.mine(m, emoji),
        jump: id => void this.jump(id),
        thread: id => open(id),
        retry: ({ key, text, data, thread }) => void this.#room.channel.publish({ key, text: text!, data, thread }).catch(() => {}),
        discard: o => {
          this.#room.channel.discard(o.key)
          this.#draw()
        },
        edit: o => {
          this.#room.channel.discard(o.key)
          this.#composer.restore(o.text ?? "")
          this.#draw()
        },
        resized: () => this.#list.remeasure(),
      }),
      seen: end => this.#seen(end),
      top: () => void this.#room.older(),
    })
    this.#tools = mountTools(this.#log, me, {
      message: id => this.#room.get(id),
      react: (m, emoji) => this.#try(this.#room.channel.react(m.id, emoji, !this.#room.mine(m, emoji))),
      reply: m => this.#composer.reply((m.thread && this.#room.get(m.thread)) || m),
      thread: m => open(m.thread ?? m.id),
      edit: m => this.#composer.edit(m),
      remove: m => this.#try(this.#room.channel.delete(m.id)),
    })
    this.#thread = new Thread(me, {
      try: doing => this.#try(doing),
      names: () => names(this.#room),
      closed: root => {
        threaded(undefined)
        const node = this.#list.node(`m${root}`)
        if (node) node.focus({ preventScroll: true })
        else this.focus()
      },
    })
    this.#composer = new Composer(the("box"), {
      send: (text, thread) => this.#send(text, thread),
      edit: (id, text) => this.#try(this.#room.channel.edit(id, { text })),
      typing: () => (this.#room as Room | undefined)?.channel.typing(),
      draft: text => { if (this.#room as Room | undefined) this.#room.draft = text },
      lastOwn: () => (this.#room as Room | undefined)?.messages.findLast(m => m.user === me && !m.deleted && m.text),
      names: () => names(this.#room),
      leave: () => this.#log.focus(),
    })
    this.#more.onclick = () => {
      this.#list.toEnd()
      this.focus()
    }
    const { signal } = this.#life
    document.addEventListener("visibilitychange", () => this.#draw(), { signal })
    addEventListener("focus", () => this.#draw(), { signal })
    mountRoving(this.#log, { write: () => this.focus(), leave: () => this.focus() }, signal)
  }

  open(room: Room, label: string): void {
    if (this.#room) {
      this.#room.view = this.#list.view
      if (this.#timer) this.#read()
      this.#leave()
    }
    else room.draft ||= this.#composer.text // written while there was no room
    the("said").textContent = ""
    if (room !== this.#room) this.#thread.close()
    this.#room = room
    this.#label = label
    this.#missed = 0
    this.#asked = 0
    this.#placed = room.view !== undefined
    this.#list.show(room.view)
    this.#more.hidden = true
    this.#offers = undefined
    this.#fill("", () => undefined)
    this.#composer.open(`Message ${isolated(label)}`, room.draft)
    this.#begin()
    this.#show()
  }

  /** Shows a thread of the room, or none. */
  thread(root: number | undefined): void {
    if (root) this.#thread.open(this.#room, root, this.#label)
    else this.#thread.close()
  }

  focus(): void {
    this.#composer.focus()
  }

  /** There is no channel to show. */
  nowhere(): void {
    this.#fill("nowhere", () => refusedNode(undefined, "", [], this.#way.allows, () => {}, () => {}))
  }

  /** The room's draft is not what was written any more. */
  drafted(): void {
    this.#composer.fill(this.#room.draft)
  }

  changed(): void {
    this.#draw()
  }

  /** The inbox may tell where reading stopped. */
  inboxRead(): void {
    if (this.#room && this.#room.newAfter === undefined && !this.#asked) this.#begin()
    this.#draw()
  }

  /** A message came by. */
  heard(m: Message): void {
    const room = this.#room
    if (m.user === this.#me) return
    const before = room.messages.at(-2)?.id ?? 0
    const looked = this.#list.atEnd && looking()
    if (!looked && (room.newAfter === undefined || room.seen >= before)) room.newAfter = before
    if (!this.#list.atEnd) this.#missed++
    put(the("said"), ...said(m))
  }

  problem(e: Error): void {
    this.#fail(`Something went wrong: ${e.message.replace(/\.$/, "")}.`)
  }

  #fail(trouble: string): void {
    clearTimeout(this.#problem)
    this.trouble = trouble
    this.#problem = setTimeout(() => {
      this.trouble = ""
      this.#way.told()
    }, problemFor)
    this.#way.told()
  }

  close(): void {
    this.#life.abort()
    this.#tools.close()
    this.#thread.end()
    this.#list.close()
    this.#composer.open("Message", "") // the next visitor may be another one; drafts are kept
    clearTimeout(this.#timer)
    clearTimeout(this.#problem)
    the("rows").replaceChildren()
    this.#empty?.remove()
  }

  /** Puts the "new" line where reading stopped. */
  #begin(): void {
    const entry = this.#inbox.entries.get(this.#room.name)
    if (entry?.unread && entry.read_id !== undefined) this.#room.newAfter = entry.read_id
  }

  /** What was read stays read; the line is for the next time. */
  #leave(): void {
    const { newAfter, seen, last } = this.#room
    if (newAfter !== undefined && seen >= (last?.id ?? 0)) this.#room.newAfter = undefined
  }

  #show(): void {
    const room = this.#room as Room | undefined
    if (!room) return
    const list = rows(room)
    const { refused } = room
    const nothing = room.loaded && !room.more && list.length <= 1
    if (refused) {
      this.#more.hidden = true
      this.#refuse(room, refused)
    }
    else {
      this.#offers = undefined
      this.#fill(nothing ? "empty" : "", () => emptyNode(room.name, this.#label, this.#way.development, words => this.#composer.restore(words)))
      if (nothing) this.#more.hidden = true
    }
    this.#list.update(nothing || refused ? [] : list)
    this.#tools.drawn()
    if (!this.#placed && room.loaded && (this.#inbox.loaded || !this.#me)) {
      this.#placed = true
      if (room.newAfter !== undefined) this.#list.to("new")
    }
  }

  /** Says why a room is not shown, and where the visitor may go. */
  #refuse(room: Room, refused: { code: string; message: string }): void {
    const { allows, readable } = this.#way
    const open = (channel: string): void => {
      const { draft } = room
      this.#way.open(channel)
      if (this.#room.draft || !draft) return
      this.#room.draft = draft // what was written comes along
      room.draft = ""
      this.drafted()
    }
    const show = (): void => this.#fill(`refused ${room.name} ${refused.code} ${!!this.#offers}`,
      () => refusedNode(room.name, whyNot(refused), this.#offers, allows, open, () => room.retry()))
    if (!this.#emptyFor.startsWith("refused ")) readable(room.name).catch(() => []).then(offers => {
      if (room !== this.#room || !room.refused) return
      this.#offers = offers
      show()
    })
    show()
  }

  /** Puts something in place of messages, or with "" takes it away. */
  #fill(what: string, make: () => HTMLElement | undefined): void {
    if (what === this.#emptyFor) return
    this.#emptyFor = what
    this.#empty?.remove()
    this.#empty = what ? make() : undefined
    if (this.#empty) this.#log.append(this.#empty)
  }

  #send(text: string, thread: number | undefined): boolean {
    if ((this.#room as Room | undefined)?.refused ?? !this.#room) {
      this.#fail("Not sent. Your text is kept.")
      return false
    }
    this.#room.newAfter = undefined
    this.#room.channel.publish({ text, thread }).catch(() => {})
    this.#list.toEnd()
    return true
  }

  /** What is visible is read: the pointer follows, a moment later. */
  #seen(end: boolean): void {
    if (end) this.#missed = 0
    this.#more.hidden = end
    const words = this.#missed ? `${this.#missed} new` : ""
    const label = this.#more.lastElementChild!
    if (label.textContent !== words) label.textContent = words
    this.#more.setAttribute("aria-label", words || "Jump to latest")
    const room = this.#room
    if (!looking()) return
    let last = 0
    for (const row of this.#list.visible()) if (row.kind === "message") last = row.message.id
    room.seen = Math.max(room.seen, last)
    if (!this.#placed || !this.#inbox.entries.has(room.name) || last <= (this.#inbox.entries.get(room.name)?.read_id ?? 0) || last <= this.#asked) return
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      if (looking()) this.#read()
    }, glance)
  }

  /** Moves the read pointer to what was seen. */
  #read(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const room = this.#room
    const upTo = this.#asked = room.seen
    room.channel.markRead(upTo).then(unread => this.#inbox.read(room.name, upTo, unread), () => { this.#asked = 0 })
  }

  /** Goes to a message, reading history until it is there. */
  async jump(id: number): Promise<void> {
    const room = this.#room
    while (room === this.#room && !room.get(id) && room.more && (room.messages[0]?.id ?? 0) > id) await room.older()
    if (room !== this.#room) return
    this.#show()
    if (this.#list.to(`m${id}`)) this.#list.node(`m${id}`)?.focus({ preventScroll: true })
  }

  #try(doing: Promise<unknown>): void {
    doing.catch((e: Error) => this.problem(e))
  }
}

/** Who can be named in a room, those who are here first. */
function names(room: Room | undefined): Named[] {
  if (!room) return []
  const all = [...room.known].filter(([user]) => user !== room.me).map(([user, name]) => ({ user, name, here: room.people.has(user) }))
  return [...all.sort((a, b) => Number(b.here) - Number(a.here) || a.name.localeCompare(b.name)), everybody]
}
