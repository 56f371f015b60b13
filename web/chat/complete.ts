import { h, own, the } from "../shared/dom.js"
import { face } from "../shared/faces.js"
import { begun } from "../shared/parse.js"

/** Somebody who can be named, and whether they are here now. */
export interface Named { user: string; name: string; here: boolean }

/** How many names are offered. */
const most = 6

/**
 * Offers names while one is written after an @. The list has no focus of its own: Up and Down
 * choose, Enter or Tab takes, Escape closes, and the text area says which is active.
 */
export class Completion {
  readonly #text: HTMLTextAreaElement
  readonly #list: HTMLElement
  readonly #names: () => Named[]
  readonly #taken: () => void
  #found: Named[] = []
  #chosen = 0
  #dismissed = "" // the text before the caret for which Escape closed the list

  /** `names` tells who there is; `taken` is called when the text was changed. */
  constructor(text: HTMLTextAreaElement, list: HTMLElement, names: () => Named[], taken: () => void) {
    this.#text = text
    this.#list = list
    this.#names = names
    this.#taken = taken
    list.id = `${text.id}-names`
    text.setAttribute("aria-controls", list.id)
    text.setAttribute("aria-autocomplete", "list")
    text.onselectionchange = () => this.look()
    text.onblur = () => this.close()
    list.onmousedown = e => e.preventDefault() // the text keeps the focus
  }

  /** The text or the caret has changed. */
  look(): void {
    const before = this.#before
    const typed = before === this.#dismissed || document.activeElement !== this.#text ? undefined : begun(before)?.toLowerCase()
    const was = this.#found.map(n => n.user).join()
    this.#found = typed === undefined ? [] : this.#names().filter(n => begins(n, typed)).slice(0, most)
    if (this.#found.length === 1 && this.#found[0]!.user.toLowerCase() === typed) this.#found = [] // it stands there already
    if (was === this.#found.map(n => n.user).join()) return
    this.#chosen = 0
    this.#show()
    if (this.#found.length && !was) the("said").textContent = `${this.#found.length === 1 ? "One name" : `${this.#found.length} names`}. Up and Down choose, Enter takes, Escape closes.`
  }

  /** Takes a key, if it is for the list. Tells whether it was. */
  key(e: KeyboardEvent): boolean {
    if (!this.#found.length || e.ctrlKey || e.metaKey || e.altKey || e.shiftKey) return false
    const step = e.key === "ArrowDown" ? 1 : e.key === "ArrowUp" ? -1 : 0
    if (step) {
      this.#chosen = (this.#chosen + step + this.#found.length) % this.#found.length
      this.#show()
    } else if (e.key === "Enter" || e.key === "Tab") this.#take(this.#found[this.#chosen]!)
    else if (e.key === "Escape") {
      this.#dismissed = this.#before
      this.close()
    } else return false
    e.preventDefault()
    e.stopPropagation()
    return true
  }

  close(): void {
    if (!this.#found.length) return
    this.#found = []
    this.#show()
  }

  get #before(): string {
    const { value, selectionStart, selectionEnd } = this.#text
    return selectionStart === selectionEnd ? value.slice(0, selectionStart) : ""
  }

  #take({ user }: Named): void {
    const { value, selectionStart: end } = this.#text
    const typed = `@${begun(this.#before) ?? ""}`
    this.close()
    this.#text.setRangeText(`@${user}${/^\s/.test(value.slice(end)) ? "" : " "}`, end - typed.length, end, "end")
    this.#taken()
  }

  #show(): void {
    this.#list.hidden = !this.#found.length
    this.#list.replaceChildren(...this.#found.map((n, i) => h("li", {
      class: "line", role: "option", id: `${this.#list.id}-${i}`, "aria-selected": String(i === this.#chosen), onclick: () => this.#take(n),
    }, face(n.user, n.name, true), h("span", { class: "cut" }, own(n.name), n.name === n.user ? false : h("span", { class: "small" }, ` @${n.user}`)),
    h("span", { class: "small" }, n.user === everybody.user ? "" : n.here ? "here" : "away"))))
    if (this.#found.length) this.#text.setAttribute("aria-activedescendant", `${this.#list.id}-${this.#chosen}`)
    else this.#text.removeAttribute("aria-activedescendant")
  }
}

/** Who is named by @channel. */
export const everybody: Named = { user: "channel", name: "Everybody", here: false }

/** Whether the user, or a word of the name, begins with what is typed. */
function begins({ user, name }: Named, typed: string): boolean {
  return user.toLowerCase().startsWith(typed) || name.toLowerCase().split(/\s+/).some(word => word.startsWith(typed))
}
