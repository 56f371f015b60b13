/// <reference path="./txt.d.ts" />
import { h } from "../shared/dom.js"
import data from "./data.txt"

/** An emoji: its names, the first is the usual one, and all words that find it. */
export interface Emoji { emoji: string; names: string[]; words: string[] }

interface Group { name: string; all: Emoji[] }

const groups: Group[] = []
const byName = new Map<string, string>()
for (const line of data.split("\n")) {
  if (line.startsWith("# ")) groups.push({ name: line.slice(2), all: [] })
  else if (line) {
    const [emoji, ...names] = line.split("\t", 1)[0]!.split(" ") as [string, ...string[]]
    groups.at(-1)!.all.push({ emoji, names, words: [...names, ...names.flatMap(name => name.split("_")), ...(line.split("\t")[1] ?? "").split(" ")] })
    for (const name of names) byName.set(name, emoji)
  }
}

/** The emoji of a name (`tada`); undefined if there is none. */
export function named(name: string): string | undefined {
  return byName.get(name)
}

/** Emoji with words that begin with all that is typed, those first whose name begins with it. */
export function search(typed: string): Emoji[] {
  const wanted = typed.toLowerCase().split(/[\s:]+/).filter(Boolean)
  const found = groups.flatMap(g => g.all).filter(e => wanted.every(w => e.words.some(word => word.startsWith(w))))
  const best = (e: Emoji): number => Number(!e.names.some(name => name.startsWith(wanted[0] ?? "")))
  return found.sort((a, b) => best(a) - best(b))
}

/** How many stand in a row (late.css). */
const columns = 8

/** All emoji with a field that searches them. Arrow keys go around; Enter or a click picks one. */
export function picker(pick: (emoji: string) => void): HTMLElement {
  const input = h("input", { role: "searchbox", inputmode: "search", "aria-label": "Search emoji", placeholder: "Search emoji", autocomplete: "off", spellcheck: "false", maxlength: 40 })
  const grid = h("div", { class: "grid" })
  const status = h("p", { class: "sr", role: "status" })
  let rows: HTMLElement[][] = []
  let stop: HTMLElement | undefined // of the Tab key

  const move = (to: HTMLElement | undefined): void => {
    if (stop) stop.tabIndex = -1
    stop = to
    if (stop) stop.tabIndex = 0
  }
  const section = (words: string, all: Emoji[]): HTMLElement => {
    const buttons = all.map(({ emoji, names }) => h("button", {
      class: "icon", type: "button", tabindex: -1, "aria-label": names[0]!.replaceAll("_", " "), title: `:${names[0]}:`, onclick: () => pick(emoji),
    }, emoji))
    for (let i = 0; i < buttons.length; i += columns) rows.push(buttons.slice(i, i + columns))
    return h("section", { "aria-label": words }, h("h3", { class: "small" }, words), h("div", {}, ...buttons))
  }
  const show = (): void => {
    const typed = input.value.trim()
    const found = typed ? search(typed) : []
    rows = []
    grid.replaceChildren(...!typed ? groups.map(g => section(g.name, g.all)) : found.length ? [section("Found", found)] : [h("p", { class: "small" }, "No emoji found")])
    grid.scrollTop = 0
    status.textContent = typed ? `${found.length} found` : ""
    move(rows[0]?.[0])
  }
  const go = (to: HTMLElement | undefined): void => {
    if (!to) return
    move(to)
    to.focus({ preventScroll: true })
    to.scrollIntoView({ block: "nearest" })
  }
  input.oninput = show
  input.onkeydown = e => {
    if (e.key !== "ArrowDown" && e.key !== "Enter" || e.isComposing) return
    e.preventDefault()
    if (e.key === "ArrowDown") go(rows[0]?.[0])
    else if (input.value.trim()) rows[0]?.[0]?.click()
  }
  grid.onkeydown = e => {
    const y = rows.findIndex(row => row.includes(e.target as HTMLElement))
    const row = rows[y]
    if (!row || e.ctrlKey || e.metaKey || e.altKey) return
    const x = row.indexOf(e.target as HTMLElement)
    const beside = (other: HTMLElement[] | undefined): HTMLElement | undefined => other?.[Math.min(x, other.length - 1)]
    switch (e.key) {
      case "ArrowLeft": go(row[x - 1] ?? rows[y - 1]?.at(-1)); break
      case "ArrowRight": go(row[x + 1] ?? rows[y + 1]?.[0]); break
      case "ArrowDown": go(beside(rows[y + 1])); break
      case "ArrowUp":
        if (y) go(beside(rows[y - 1]))
        else input.focus()
        break
      case "Home": go(rows[0]![0]); break
      case "End": go(rows.at(-1)!.at(-1)); break
      default:
        if (e.key.length === 1 && e.key !== " ") input.focus() // the key itself arrives there
        return
    }
    e.preventDefault()
  }
  show()
  return h("div", { class: "emojis" }, input, status, grid)
}
