import { h, the } from "../shared/dom.js"

const keys: [string, string][] = [
  ["Ctrl+K", "Find a channel"],
  ["/ Ctrl+F", "Search messages of the channel"],
  ["Alt+↑ ↓", "Previous or next channel"],
  ["Enter", "Send a message"],
  ["Shift+Enter", "Start a new line"],
  ["↑", "In an empty composer: edit your last message"],
  ["@", "Mention somebody"],
  [":", "Insert an emoji by its name"],
  ["Esc", "From the composer to the messages, and back"],
  ["↑ ↓", "Go from message to message"],
  ["Enter ← →", "Actions of a message"],
  ["?", "Keyboard shortcuts"],
]

/** Shows the keyboard shortcuts. */
export function showShortcuts(): void {
  const pop = the("keys")
  pop.replaceChildren(h("h2", {}, "Keyboard shortcuts"), h("dl", {}, ...keys.flatMap(([key, words]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, words)])))
  pop.showPopover()
  pop.focus()
}

/** `?` shows them, wherever no text is written. */
export function mountShortcuts(): void {
  document.addEventListener("keydown", e => {
    if (e.key !== "?" || e.ctrlKey || e.metaKey || e.altKey || (e.target as Element).matches("input, textarea, select")) return
    e.preventDefault()
    showShortcuts()
  })
}
