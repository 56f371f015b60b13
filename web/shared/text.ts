import { blocks, type Block } from "./blocks.js"
import { color } from "./code.js"
import { h } from "./dom.js"
import { emoji } from "./emoji.js"
import { parts, type Part } from "./parse.js"

/** How many texts are remembered as they were read: those that are drawn again, by a reaction or by scrolling. */
const most = 300
const known = new Map<string, Block[]>()

/** What a text is made of. Each text is read once while it is on the screen. */
function read(text: string): Block[] {
  const found = known.get(text) ?? blocks(parts(text))
  known.delete(text) // the one used last is the last
  known.set(text, found)
  if (known.size > most) known.delete(known.keys().next().value!)
  return found
}

/** The nodes of a message's text, for `me`. `resized` is called when one has changed later. */
export function textNodes(text: string, me: string, resized: () => void): Node[] {
  const line = (parts: Part[]): Node[] => parts.map(part => {
    let node = bare(part, me, resized)
    for (const look of part.looks ?? "") node = h(look === "b" ? "strong" : look === "i" ? "em" : "s", {}, node)
    return node
  })
  return read(text).flatMap(block => block.kind === "text" ? line(block.parts) : block.kind === "quote" ? h("blockquote", { dir: "auto" }, ...line(block.parts))
    : h(block.ordered ? "ol" : "ul", {}, ...block.items.map(({ value, parts }) => h("li", { value, dir: "auto" }, ...line(parts)))))
}

function bare(part: Part, me: string, resized: () => void): Node {
  switch (part.kind) {
    case "text": return document.createTextNode(part.text)
    case "code": return h("code", {}, part.text)
    case "block": return block(part.text.replace(/\n$/, ""), part.language)
    case "link": return h("a", { href: part.href, target: "_blank", rel: "noopener noreferrer nofollow ugc" }, part.text)
    case "channel": return h("a", { class: "mention", href: `/?channel=${encodeURIComponent(part.channel)}`, "data-open": part.channel }, part.text)
    case "emoji": return face(part.text, part.name, resized)
    case "mention": return h("span", { class: part.user === me || part.user === "channel" ? "mention me" : "mention" }, part.text)
  }
}

/** The emoji of a name, once the names are known; there may be none. */
function face(text: string, name: string, resized: () => void): HTMLElement {
  const node = h("span", {}, text)
  emoji().then(({ named }) => {
    const found = named(name)
    if (!found) return
    node.textContent = found
    node.title = text
    resized()
  }, () => {}) // then it stays a name
  return node
}

/** Code, in colors if its language is known, with a button that copies it, where the browser lets pages do that. */
function block(code: string, language: string): HTMLElement {
  const pre = h("pre", { tabindex: 0 }, code)
  if (language) color(pre, code, language)
  const button = h("button", { class: "copy", onclick: () => void navigator.clipboard.writeText(code).then(() => { button.textContent = "Copied" }, () => {}) }, "Copy")
  return navigator.clipboard ? h("div", { class: "block" }, pre, button) : pre
}
