import { emoji } from "../shared/emoji.js"
import { h, the } from "../shared/dom.js"

/** What is picked most. */
const usual = ["👍", "❤️", "😂", "🎉", "👀", "✅", "🙏", "🔥"]

/** Opens the picker of emoji at a button. `words`: what one does with the emoji. */
export function showPicker(button: HTMLElement, words: string, pick: (emoji: string) => void): void {
  const pop = the("picker")
  const at = button.getBoundingClientRect()
  const picked = (one: string): void => {
    pop.hidePopover()
    pick(one)
  }
  /** Above the button or below it, wherever there is room. */
  const place = (): void => {
    const { offsetHeight: tall, offsetWidth: wide } = pop
    const top = at.top - tall - 4 >= 8 ? at.top - tall - 4 : at.bottom + 4
    pop.style.top = `${Math.max(8, Math.min(top, innerHeight - tall - 8))}px`
    pop.style.left = `${Math.max(8, at.right - wide)}px`
  }
  const row = h("div", { class: "row" }, ...usual.map(one => h("button", { class: "icon", type: "button", "aria-label": `${words} ${one}`, onclick: () => picked(one) }, one)))
  pop.replaceChildren(row)
  pop.showPopover()
  place()
  row.querySelector("button")!.focus()
  emoji().then(({ picker }) => {
    if (!row.isConnected) return
    row.after(picker(picked))
    place()
  }, () => row.after(h("p", { class: "small" }, "Other emoji could not be loaded.")))
}
