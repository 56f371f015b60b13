import type { Message } from "/parley.js"
import { h, own, put, the } from "../shared/dom.js"
import { label } from "./channels.js"
import type { Room } from "./room.js"
import { brief, dayName, whole } from "../shared/times.js"
import { plain } from "../shared/words.js"

/** No more messages than this are listed, and no more pages are read at once for one that is found. */
const most = 50, mostPages = 5
/** How much of a text stands before what was found, in characters. */
const before = 32

/** Finds messages of the channel that is shown, by words in what is loaded of it; more is loaded when the visitor asks for it. */
export class Search {
  readonly #pop = the("search")
  readonly #input = h("input", { role: "combobox", "aria-label": "Search messages", "aria-controls": "found", "aria-expanded": "true", "aria-autocomplete": "list", placeholder: "Search messages", autocomplete: "off", spellcheck: "false", maxlength: 128 })
  readonly #list = h("ul", { id: "found", role: "listbox", "aria-label": "Messages" })
  readonly #said = h("p", { class: "small", role: "status" })
  readonly #earlier = h("button", { class: "push", onclick: () => void this.#more() }, "Search earlier messages")
  readonly #folded = new WeakMap<Message, string>()
  readonly #go: (id: number) => void
  #room: Room | undefined
  #found: Message[] = []
  #chosen = 0

  /** `go` shows a message. */
  constructor(go: (id: number) => void) {
    this.#go = go
    this.#pop.replaceChildren(this.#input, this.#list, h("div", { class: "row" }, this.#said, this.#earlier))
    this.#input.oninput = () => {
      this.#chosen = 0
      this.#show()
    }
    this.#input.onkeydown = e => this.#key(e)
  }

  /** Reports whether it is open. */
  get opened(): boolean {
    return this.#pop.matches(":popover-open")
  }

  /** Opens it for a room, with what was searched there last. */
  open(room: Room): void {
    if (room !== this.#room) this.#input.value = ""
    this.#room = room
    this.#chosen = 0
    this.#show()
    this.#pop.showPopover()
    this.#input.focus()
    this.#input.select()
  }

  #key(e: KeyboardEvent): void {
    const step = e.key === "ArrowDown" ? 1 : e.key === "ArrowUp" ? -1 : 0
    if (step) {
      e.preventDefault()
      this.#chosen = (this.#chosen + step + this.#found.length) % Math.max(1, this.#found.length)
      this.#show()
    } else if (e.key === "Enter" && !e.isComposing) {
      e.preventDefault()
      const chosen = this.#found[this.#chosen]
      if (chosen) this.#take(chosen)
      else if (!this.#earlier.hidden) void this.#more()
    }
  }

  #take(m: Message): void {
    this.#pop.hidePopover()
    this.#go(m.id)
  }

  /** The words that must be in a message. */
  get #words(): string[] {
    return fold(this.#input.value).split(/\s+/).filter(Boolean)
  }

  #search(): Message[] {
    const words = this.#words
    if (!words.length) return []
    return this.#room!.messages.filter(m => {
      if (m.deleted || !m.text) return false
      let text = this.#folded.get(m)
      if (text === undefined) this.#folded.set(m, text = fold(m.text))
      return words.every(word => text.includes(word))
    })
  }

  /** Loads history until something more is found, or a few pages have been read. */
  async #more(): Promise<void> {
    const room = this.#room!
    const had = this.#search().length
    this.#earlier.disabled = true
    for (let page = 0; page < mostPages && room.more && this.opened && room === this.#room && this.#search().length === had; page++) {
      const from = room.messages[0]?.id
      await room.older()
      if (room.messages[0]?.id === from && room.more) break // no connection
    }
    const focused = this.#earlier === document.activeElement || document.activeElement === document.body
    this.#earlier.disabled = false
    this.#show()
    if (focused && this.opened) (this.#earlier.hidden ? this.#input : this.#earlier).focus()
  }

  #show(): void {
    const { name, settings, me, messages, more } = this.#room!
    const all = this.#search()
    const words = this.#words
    this.#found = all.slice(-most).reverse()
    this.#list.replaceChildren(...this.#found.map((m, i) => h("li", {
      class: "line", role: "option", id: `found${i}`, "aria-selected": String(i === this.#chosen), onclick: () => this.#take(m),
    }, h("span", { class: "cut" }, own(m.name ?? m.user)), h("time", { title: whole(m.timestamp) }, brief(m.timestamp)), excerpt(m.text!, words))))
    if (this.#found.length) this.#input.setAttribute("aria-activedescendant", `found${this.#chosen}`)
    else this.#input.removeAttribute("aria-activedescendant")
    this.#list.children[this.#chosen]?.scrollIntoView({ block: "nearest" })
    const first = messages[0]
    const where = !first ? "" : more ? ` since ${dayName(first.timestamp)}, ${brief(first.timestamp)}` : ""
    put(this.#said, words.length ? `${all.length || "None"} found in ${messages.length} messages${where}${all.length > most ? `; the newest ${most} are listed` : ""}`
      : `Searches ${label(name, settings?.title, me)}${where}`)
    this.#earlier.hidden = !more || !words.length
  }
}

/** A text without what people do not care about when they search: case, accents, and marks of direction. */
function fold(text: string): string {
  return plain(text).normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase()
}

/** One line of a text, around the first of the words, each of which is marked. */
function excerpt(text: string, words: string[]): HTMLElement {
  const line = plain(text).replace(/\s+/g, " ").trim()
  const low = line.toLowerCase()
  const same = low.length === line.length // else positions differ
  const first = same ? Math.min(...words.map(w => low.indexOf(w)).filter(i => i >= 0)) : 0
  const from = Number.isFinite(first) && first > before ? first - before : 0
  const nodes: (Node | string)[] = from ? ["… "] : []
  let done = from
  const end = Math.min(line.length, from + 160)
  for (let i = from; same && i < end;) {
    const word = words.find(w => low.startsWith(w, i))
    if (!word) {
      i++
      continue
    }
    nodes.push(line.slice(done, i), h("mark", {}, line.slice(i, i + word.length)))
    done = i += word.length
  }
  nodes.push(line.slice(done, Math.max(done, end)))
  return h("bdi", { class: "small cut" }, ...nodes)
}
