import { h, own, the } from "../shared/dom.js"
import type { Inbox } from "./inbox.js"
import { label } from "./channels.js"
import { validName } from "../shared/names.js"

interface Choice { channel: string; words: string; hint: string }

/** Ctrl+K: goes to a channel, one's own or a public one, or makes a new one. */
export class Jump {
  readonly #pop = the("jump")
  readonly #input = h("input", { role: "combobox", "aria-label": "Channel", "aria-controls": "choices", "aria-expanded": "true", "aria-autocomplete": "list", placeholder: "Find a channel", autocomplete: "off", spellcheck: "false", maxlength: 128 })
  readonly #list = h("ul", { id: "choices", role: "listbox", "aria-label": "Channels" })
  readonly #inbox: Inbox
  readonly #me: string
  readonly #go: (channel: string) => void
  #choices: Choice[] = []
  #chosen = 0

  constructor(inbox: Inbox, me: string, go: (channel: string) => void) {
    this.#inbox = inbox
    this.#me = me
    this.#go = go
    this.#pop.replaceChildren(this.#input, this.#list)
    this.#input.oninput = () => {
      this.#chosen = 0
      this.#show()
    }
    this.#input.onkeydown = e => this.#key(e)
  }

  open(): void {
    this.#input.value = ""
    this.#chosen = 0
    this.#show()
    this.#pop.showPopover()
    this.#input.focus()
    this.#inbox.readPublics().then(() => this.#show(), () => {})
  }

  #key(e: KeyboardEvent): void {
    const step = e.key === "ArrowDown" ? 1 : e.key === "ArrowUp" ? -1 : 0
    if (step) {
      e.preventDefault()
      this.#chosen = (this.#chosen + step + this.#choices.length) % Math.max(1, this.#choices.length)
      this.#show()
    } else if (e.key === "Enter") {
      e.preventDefault()
      const choice = this.#choices[this.#chosen]
      if (choice) this.#take(choice.channel)
    }
  }

  #take(channel: string): void {
    this.#pop.hidePopover()
    this.#go(channel)
  }

  #show(): void {
    const typed = this.#input.value.trim().replace(/^#/, "")
    const low = typed.toLowerCase()
    const found = new Map<string, Choice>()
    const add = (channel: string, title: string | undefined, hint: string): void => {
      const words = label(channel, title, this.#me)
      if (!found.has(channel) && `${words} ${channel}`.toLowerCase().includes(low)) found.set(channel, { channel, words, hint })
    }
    for (const e of this.#inbox.entries.values()) add(e.channel, e.title, e.unread ? `${e.unread} unread` : "")
    for (const e of this.#inbox.publics) add(e.channel, e.title, "not joined")
    this.#choices = [...found.values()].slice(0, 50)
    if (typed && !found.has(typed) && validName(typed)) this.#choices.push({ channel: typed, words: `Go to #${typed}`, hint: "new" })
    this.#list.replaceChildren(...this.#choices.length ? this.#choices.map((c, i) => h("li", {
      class: "line", role: "option", id: `choice${i}`, "aria-selected": String(i === this.#chosen), onclick: () => this.#take(c.channel),
    }, h("span", { class: "cut" }, own(c.words)), h("span", { class: "small" }, c.hint)))
      : [h("li", { class: "line small", role: "option", "aria-selected": "false" }, typed ? "Names have letters, digits and . _ - : @" : "Type a name")])
    this.#input.setAttribute("aria-activedescendant", this.#choices.length ? `choice${this.#chosen}` : "")
    this.#list.children[this.#chosen]?.scrollIntoView({ block: "nearest" })
  }
}
