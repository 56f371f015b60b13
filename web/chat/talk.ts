import type { Message } from "/parley.js"
import { everybody, type Named } from "./complete.js"
import { Composer } from "./composer.js"
import { h, looking, put, soon, the } from "./dom.js"
import { emptyNode } from "./empty.js"
import type { Inbox } from "./inbox.js"
import { List } from "./list.js"
import { rowNode, said } from "./message.js"
import type { Room } from "./room.js"
import { rows } from "./rows.js"
import { Thread } from "./thread.js"
import { mountTools, type Tools } from "./tools.js"
import { isolated } from "./words.js"

/** How long a message must be visible to count as read, in milliseconds, and how long a failure is told. */
const glance = 300, problemFor = 8_000
/** Not more rows than this are in the document. */
const most = 110

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
  readonly #development: boolean
  readonly #told: () => void
  #room!: Room
  #label = "" // of the room
  #empty: HTMLElement | undefined
  #placed = false // the list stands where the room is to be read on
  #missed = 0 // messages that came while one was not at the end
  #asked = 0 // up to where the read pointer was sent
  #timer: ReturnType<typeof setTimeout> | undefined
  #problem: ReturnType<typeof setTimeout> | undefined
  /** One sentence on what did not work. */
  trouble = ""

  readonly #draw = soon(() => this.#show())

  /** `development`: whether users are names; `told` is called when `trouble` changes, `threaded` when the visitor opens a thread or closes it. */
  constructor(me: string, inbox: Inbox, development: boolean, told: () => void, threaded: (root: number | undefined) => void) {
    this.#me = me
    this.#inbox = inbox
    this.#development = development
    this.#told = told
    const open = (root: number): void => {
      this.thread(root)
      threaded(root)
    }
    const inner = h("div", { id: "rows" })
    the("rows").replaceWith(inner)
    this.#list = new List(this.#log, inner, most, {
      make: row => rowNode(row, me, {
        react: (m, emoji, on) => this.#try(this.#room.channel.react(m.id, emoji, on)),
        mine: (m, emoji) => this.#room.mine(m, emoji),
        jump: id => void this.#jump(id),
        thread: id => open(id),
        retry: ({ key, text, data, thread }) => void this.#room.channel.publish({ key, text: text!, data, thread }).catch(() => {}),
        discard: o => {
          this.#room.channel.discard(o.key)
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
      typing: () => this.#room.channel.typing(),
      draft: text => { this.#room.draft = text },
      lastOwn: () => this.#room.messages.findLast(m => m.user === me && !m.deleted && m.text),
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
    this.#log.addEventListener("keydown", e => this.#key(e), { signal })
  }

  open(room: Room, label: string): void {
    if (this.#room) {
      this.#room.view = this.#list.view
      if (this.#timer) this.#read()
      this.#leave()
    }
    the("said").textContent = ""
    if (room !== this.#room) this.#thread.close()
    this.#room = room
    this.#label = label
    this.#missed = 0
    this.#asked = 0
    this.#placed = room.view !== undefined
    this.#list.show(room.view)
    this.#empty?.remove()
    this.#empty = undefined
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
    clearTimeout(this.#problem)
    const words = e.message.replace(/\.$/, "")
    this.trouble = `That did not work: ${words}.`
    this.#problem = setTimeout(() => {
      this.trouble = ""
      this.#told()
    }, problemFor)
    this.#told()
  }

  close(): void {
    this.#life.abort()
    this.#tools.close()
    this.#thread.end()
    this.#list.close()
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
    const room = this.#room
    const list = rows(room)
    const nothing = room.loaded && !room.more && list.length <= 1 && !room.refused
    if (nothing && !this.#empty) {
      this.#empty = emptyNode(room.name, this.#development)
      this.#log.append(this.#empty)
    } else if (!nothing && this.#empty) {
      this.#empty.remove()
      this.#empty = undefined
    }
    this.#list.update(nothing ? [] : list)
    this.#tools.drawn()
    if (!this.#placed && room.loaded && (this.#inbox.loaded || !this.#me)) {
      this.#placed = true
      if (room.newAfter !== undefined) this.#list.to("new")
    }
  }

  #send(text: string, thread: number | undefined): void {
    this.#room.newAfter = undefined
    this.#room.channel.publish({ text, thread }).catch(() => {})
    this.#list.toEnd()
  }

  /** What is visible is read: the pointer follows, a moment later. */
  #seen(end: boolean): void {
    if (end) this.#missed = 0
    this.#more.hidden = end
    const words = this.#missed ? `${this.#missed} new` : ""
    const label = this.#more.lastElementChild!
    if (label.textContent !== words) label.textContent = words
    this.#more.setAttribute("aria-label", words || "To the newest")
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
  async #jump(id: number): Promise<void> {
    const room = this.#room
    while (room === this.#room && !room.get(id) && room.more && (room.messages[0]?.id ?? 0) > id) await room.older()
    if (room !== this.#room) return
    this.#show()
    if (this.#list.to(`m${id}`)) this.#list.node(`m${id}`)?.focus({ preventScroll: true })
  }

  /** Up and down go from message to message. */
  #key(e: KeyboardEvent): void {
    const at = (e.target as Element).closest(".msg")
    if (e.key === "Escape") return this.focus()
    if (e.key !== "ArrowUp" && e.key !== "ArrowDown" || e.ctrlKey || e.metaKey || e.altKey) return
    const all = [...this.#log.querySelectorAll<HTMLElement>(".msg")]
    const i = at ? all.indexOf(at as HTMLElement) + (e.key === "ArrowUp" ? -1 : 1) : all.length - 1
    e.preventDefault()
    if (i >= all.length) return this.focus()
    all[i]?.focus({ preventScroll: true })
    all[i]?.scrollIntoView({ block: "nearest" })
  }

  #try(doing: Promise<unknown>): void {
    doing.catch((e: Error) => this.problem(e))
  }
}

/** Who can be named in a room, those who are here first. */
function names(room: Room): Named[] {
  const all = [...room.known].filter(([user]) => user !== room.me).map(([user, name]) => ({ user, name, here: room.people.has(user) }))
  return [...all.sort((a, b) => Number(b.here) - Number(a.here) || a.name.localeCompare(b.name)), everybody]
}
