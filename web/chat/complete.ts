import { h, own, the } from "../shared/dom.js"
import { emoji } from "../shared/emoji.js"
import { face } from "../shared/faces.js"
import { begun } from "../shared/parse.js"

/** Somebody who can be named, and whether they are here now. */
export interface Named { user: string; name: string; here: boolean }

/** What is written in place of what was typed, and what the list shows of it. `id`: none other has it. */
interface Offer { id: string; text: string; shows: (Node | false)[] }

/** How many are offered. */
const most = 6

/** The beginning of an emoji's name at the end of a text. */
const faces = /(?:^|[\s(])(:[a-z0-9_+-]{2,32})$/

/**
 * Offers names while one is written after an @, and emoji after a colon. The list has no focus of its own: Up and Down
 * choose, Enter or Tab takes, Escape closes, and the text area says which is active.
 */
export class Completion {
  readonly #text: HTMLTextAreaElement
  readonly #list: HTMLElement
  readonly #names: () => Named[]
  readonly #taken: () => void
  #emoji: Awaited<ReturnType<typeof emoji>> | undefined
  #found: Offer[] = []
  #typed = "" // what an offer replaces
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
    const off = before === this.#dismissed || document.activeElement !== this.#text
    const name = off ? undefined : begun(before)
    const face = off || name !== undefined ? undefined : faces.exec(before.slice(-40))?.[1]
    if (face && !this.#emoji) emoji().then(all => {
      this.#emoji = all
      this.look()
    }, () => {})
    this.#typed = face ?? `@${name}`
    const was = this.#found.map(o => o.id).join()
    this.#found = name !== undefined ? this.#people(name.toLowerCase()) : face ? this.#faces(face.slice(1)) : []
    if (was === this.#found.map(o => o.id).join()) return
    this.#chosen = 0
    this.#show()
    if (!this.#found.length || was) return
    const count = face ? `${this.#found.length} emoji` : this.#found.length === 1 ? "One name" : `${this.#found.length} names`
    the("said").textContent = `${count}. Up and Down choose, Enter takes, Escape closes.`
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

  #people(typed: string): Offer[] {
    const found = this.#names().filter(n => begins(n, typed)).slice(0, most)
    if (found.length === 1 && found[0]!.user.toLowerCase() === typed) return [] // it stands there already
    return found.map(({ user, name, here }) => ({
      id: user, text: `@${user}`, shows: [
        face(user, name, true), h("span", { class: "cut" }, own(name), name === user ? false : h("span", { class: "small" }, ` @${user}`)),
        h("span", { class: "small" }, user === everybody.user ? "" : here ? "here" : "away")],
    }))
  }

  #faces(typed: string): Offer[] {
    return (this.#emoji?.search(typed) ?? []).slice(0, most).map(({ emoji, names }) => ({
      id: emoji, text: emoji, shows: [h("span", {}, emoji), h("span", { class: "cut" }, `:${names[0]}:`)],
    }))
  }

  #take({ text }: Offer): void {
    const { value, selectionStart: end } = this.#text
    this.close()
    this.#text.setRangeText(`${text}${/^\s/.test(value.slice(end)) ? "" : " "}`, end - this.#typed.length, end, "end")
    this.#taken()
  }

  #show(): void {
    this.#list.hidden = !this.#found.length
    this.#list.replaceChildren(...this.#found.map((o, i) => h("li", {
      class: "line", role: "option", id: `${this.#list.id}-${i}`, "aria-selected": String(i === this.#chosen), onclick: () => this.#take(o),
    }, ...o.shows)))
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
