import { h } from "./dom.js"
import { parts, type Part } from "./parse.js"

/** How many texts are remembered as they were read: those that are drawn again, by a reaction or by scrolling. */
const most = 300
const known = new Map<string, Part[]>()

/** The parts of a text. Each text is read once while it is on the screen. */
function read(text: string): Part[] {
  const found = known.get(text) ?? parts(text)
  known.delete(text) // the one used last is the last
  known.set(text, found)
  if (known.size > most) known.delete(known.keys().next().value!)
  return found
}

/** The nodes of a message's text, for `me`. */
export function textNodes(text: string, me: string): Node[] {
  return read(text).map(part => {
    let node = bare(part, me)
    for (const look of part.looks ?? "") node = h(look === "b" ? "strong" : look === "i" ? "em" : "s", {}, node)
    return node
  })
}

function bare(part: Part, me: string): Node {
  switch (part.kind) {
    case "text": return document.createTextNode(part.text)
    case "code": return h("code", {}, part.text)
    case "block": return block(part.text.replace(/\n$/, ""))
    case "link": return h("a", { href: part.href, target: "_blank", rel: "noopener noreferrer nofollow ugc" }, part.text)
    case "mention": return h("span", { class: part.user === me || part.user === "channel" ? "mention me" : "mention" }, part.text)
  }
}

/** Code with a button that copies it, where the browser lets pages do that. */
function block(code: string): HTMLElement {
  const pre = h("pre", { tabindex: 0 }, code)
  const button = h("button", { class: "copy", onclick: () => void navigator.clipboard.writeText(code).then(() => { button.textContent = "Copied" }, () => {}) }, "Copy")
  return navigator.clipboard ? h("div", { class: "block" }, pre, button) : pre
}
