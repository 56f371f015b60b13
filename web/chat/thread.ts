import { Composer } from "./composer.js"
import type { Named } from "./complete.js"
import { draftOf, keepDraft } from "./drafts.js"
import { h, own, put, soon, the } from "../shared/dom.js"
import { List } from "./list.js"
import { rowNode } from "./message.js"
import { Replies } from "./replies.js"
import type { Room } from "./room.js"
import { mountRoving } from "./roving.js"
import { rows } from "./rows.js"
import { mountTools, type Tools } from "./tools.js"

/** Not more rows than this are in the document. */
const most = 80

export interface ThreadEvents {
  /** Tells if it fails. */
  try(doing: Promise<unknown>): void
  names(): Named[]
  /** It was closed by the visitor, who looked at this message's thread. */
  closed(root: number): void
}

/** The pane beside the conversation that shows a message and its replies, and takes more of them. */
export class Thread {
  readonly #events: ThreadEvents
  readonly #log = the("thread-log")
  readonly #list: List
  readonly #tools: Tools
  readonly #composer: Composer
  readonly #life = new AbortController()
  #room: Room | undefined
  #replies: Replies | undefined

  readonly #draw = soon(() => this.#show())

  constructor(me: string, events: ThreadEvents) {
    this.#events = events
    const inner = h("div")
    this.#log.replaceChildren(inner)
    this.#list = new List(this.#log, inner, most, {
      make: row => rowNode(row, me, {
        react: (m, emoji, on) => { if (me) events.try(this.#channel.react(m.id, emoji, on)) },
        mine: (m, emoji) => this.#replies!.mine(m, emoji),
        jump: () => {}, // in a thread nothing quotes
        thread: () => {},
        retry: ({ key, text, data, thread }) => void this.#channel.publish({ key, text: text!, data, thread }).catch(() => {}),
        discard: o => {
          this.#channel.discard(o.key)
          this.#draw()
        },
        edit: o => {
          this.#channel.discard(o.key)
          this.#composer.restore(o.text ?? "")
          this.#draw()
        },
        resized: () => this.#list.remeasure(),
      }),
      seen: () => {},
      top: () => {},
    })
    the("reply-box").hidden = !me // guests read
    this.#composer = new Composer(the("reply-box"), {
      send: text => {
        this.#channel.publish({ text, thread: this.#replies!.root }).catch(() => {})
        this.#list.toEnd()
        return true
      },
      edit: (id, text) => events.try(this.#channel.edit(id, { text })),
      typing: () => this.#channel.typing(),
      draft: text => keepDraft(me, this.#key, text),
      lastOwn: () => this.#replies?.messages.findLast(m => m.user === me && !m.deleted && m.text),
      names: () => events.names(),
      leave: () => this.#leave(),
    })
    this.#tools = mountTools(this.#log, me, {
      message: id => this.#replies?.get(id),
      react: (m, emoji) => events.try(this.#channel.react(m.id, emoji, !this.#replies!.mine(m, emoji))),
      edit: m => this.#composer.edit(m),
      remove: m => events.try(this.#channel.delete(m.id)),
    })
    const { signal } = this.#life
    mountRoving(this.#log, { write: () => this.#composer.focus(), leave: () => this.#leave() }, signal)
    the("unthread").addEventListener("click", () => this.#leave(), { signal })
    the("thread").addEventListener("keydown", e => {
      if (e.key !== "Escape" || e.defaultPrevented || e.target instanceof HTMLTextAreaElement) return
      this.#leave()
    }, { signal })
  }

  /** Shows a thread of a room. */
  open(room: Room, root: number, label: string): void {
    this.close()
    this.#room = room
    this.#replies = new Replies(room, root, () => this.#draw())
    the("thread").hidden = false
    document.body.classList.add("threaded")
    put(the("thread-of"), own(label))
    this.#list.show(undefined)
    this.#composer.open("Reply", draftOf(room.me, this.#key))
    this.#show()
    if (matchMedia("(hover: hover)").matches) this.#composer.focus()
    else the("unthread").focus()
  }

  /** Closes it, if it is open. */
  close(): void {
    this.#replies?.close()
    this.#replies = this.#room = undefined
    the("thread").hidden = true
    document.body.classList.remove("threaded")
  }

  /** Ends. */
  end(): void {
    this.close()
    this.#life.abort()
    this.#tools.close()
    this.#list.close()
  }

  get #channel(): Room["channel"] {
    return this.#room!.channel
  }

  get #key(): string {
    return `${this.#room!.name} ${this.#replies!.root}`
  }

  #leave(): void {
    const root = this.#replies?.root
    this.close()
    if (root !== undefined) this.#events.closed(root)
  }

  #show(): void {
    const replies = this.#replies
    if (!replies) return
    this.#list.update(rows(replies))
    this.#tools.drawn()
  }
}
