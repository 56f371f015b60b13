import type { Message } from "/parley.js"
import { Completion, type Named } from "./complete.js"
import { put } from "../shared/dom.js"
import { said } from "./message.js"
import { showPicker } from "./picker.js"

export interface ComposerEvents {
  /** Reports whether it took the text. */
  send(text: string, thread: number | undefined): boolean
  edit(id: number, text: string): void
  typing(): void
  draft(text: string): void
  /** The newest own message, to be edited. */
  lastOwn(): Message | undefined
  /** Who can be named after an @. */
  names(): Named[]
  leave(): void
}

type Mode = { reply: Message } | { edit: Message } | undefined

/**
 * Where messages are written: grows to six lines; Enter sends, Shift+Enter breaks, @ offers
 * names, Up edits the last one, Esc leaves.
 */
export class Composer {
  readonly #text: HTMLTextAreaElement
  readonly #about: HTMLElement
  readonly #completion: Completion
  readonly #events: ComposerEvents
  #mode: Mode

  /** `box`: a .box of index.html. */
  constructor(box: HTMLElement, events: ComposerEvents) {
    this.#events = events
    const text = this.#text = box.querySelector("textarea")!
    this.#about = box.querySelector<HTMLElement>(".about")!
    this.#completion = new Completion(text, box.querySelector<HTMLElement>(".names")!, events.names, () => this.#typed())
    text.oninput = () => {
      this.#typed()
      this.#completion.look()
    }
    text.onkeydown = e => this.#key(e)
    box.querySelector<HTMLFormElement>(".write")!.onsubmit = e => {
      e.preventDefault()
      this.#send()
      text.focus()
    }
    const smile = box.querySelector<HTMLElement>(".smile")!
    smile.onclick = () => showPicker(smile, "Insert", emoji => this.#insert(emoji))
    this.#about.querySelector("button")!.onclick = () => {
      this.#leave()
      text.focus()
    }
  }

  /** For another channel or thread, with what was begun there. */
  open(label: string, draft: string): void {
    this.#set(undefined)
    this.#fill(draft)
    this.#text.placeholder = label
    this.#text.setAttribute("aria-label", label)
  }

  /** What was written and is not sent. */
  fill(draft: string): void {
    if (!(this.#mode && "edit" in this.#mode)) this.#fill(draft)
  }

  /** Takes back a text that could not be sent, to be changed. */
  restore(words: string): void {
    if (this.#mode && "edit" in this.#mode) this.#leave()
    this.#fill([this.#text.value, words].filter(Boolean).join("\n"))
    this.#events.draft(this.#text.value)
    this.focus()
  }

  /** What stands there. */
  get text(): string {
    return this.#text.value
  }

  focus(): void {
    this.#text.focus({ preventScroll: true })
  }

  reply(m: Message): void {
    this.#set({ reply: m })
    this.focus()
  }

  edit(m: Message): void {
    this.#set({ edit: m })
    this.#fill(m.text ?? "")
    this.focus()
    this.#text.setSelectionRange(this.#text.value.length, this.#text.value.length)
  }

  /** Writes an emoji where the caret is. */
  #insert(emoji: string): void {
    this.#text.setRangeText(emoji, this.#text.selectionStart, this.#text.selectionEnd, "end")
    this.focus()
    this.#typed()
  }

  #typed(): void {
    this.#grow()
    if (this.#mode && "edit" in this.#mode) return
    this.#events.draft(this.#text.value)
    if (this.#text.value) this.#events.typing()
  }

  #key(e: KeyboardEvent): void {
    if (e.isComposing || this.#completion.key(e)) return
    if (e.key === "Enter" && !e.shiftKey) {
      e.preventDefault()
      this.#send()
    } else if (e.key === "ArrowUp" && !this.#text.value && !this.#mode) {
      const last = this.#events.lastOwn()
      if (!last) return
      e.preventDefault()
      this.edit(last)
    } else if (e.key === "Escape") {
      if (this.#mode) this.#leave()
      else this.#events.leave()
    }
  }

  #send(): void {
    const words = this.#text.value
    const mode = this.#mode
    if (!words.trim()) return
    if (mode && "edit" in mode) {
      if (words !== mode.edit.text) this.#events.edit(mode.edit.id, words)
    } else if (!this.#events.send(words, mode && (mode.reply.thread ?? mode.reply.id))) return // a reply to a reply is one more in its thread
    this.#set(undefined)
    this.#fill("")
    this.#events.draft("")
  }

  #leave(): void {
    const editing = this.#mode && "edit" in this.#mode
    this.#set(undefined)
    if (editing) this.#fill("")
  }

  #set(mode: Mode): void {
    if (this.#mode && "edit" in this.#mode && mode && "reply" in mode) this.#fill("")
    this.#mode = mode
    this.#about.hidden = !mode
    if (!mode) return
    put(this.#about.querySelector<HTMLElement>("span")!, ..."edit" in mode ? ["Editing a message. Enter to save, Esc to cancel."] : ["Reply to ", ...said(mode.reply)])
  }

  #fill(words: string): void {
    this.#text.value = words
    this.#completion.close()
    this.#grow()
  }

  #grow(): void {
    const { style } = this.#text
    style.height = ""
    style.overflowY = "hidden"
    if (this.#text.scrollHeight <= 32) return
    style.height = `${this.#text.scrollHeight}px`
    style.overflowY = this.#text.scrollHeight > 142 ? "auto" : "hidden"
  }
}
