import { h } from "./dom.js"

export type Part =
  | { kind: "text" | "code" | "block"; text: string }
  | { kind: "link"; text: string; href: string }
  | { kind: "mention"; text: string; user: string }

const pattern = /```(?:\w*\n)?([\s\S]+?)```\n?|`([^`\n]+)`|(https?:\/\/[^\s<>"'`]+)|(?<![\w.@:-])@([A-Za-z0-9](?:[A-Za-z0-9._:@-]*[A-Za-z0-9_-])?)/gu

/** What a message's text is made of. Put together, the parts are the text. */
export function parts(text: string): Part[] {
  const found: Part[] = []
  let end = 0
  const plain = (to: number): void => { if (to > end) found.push({ kind: "text", text: text.slice(end, to) }) }
  for (const m of text.matchAll(pattern)) {
    const [all, block, code, url, user] = m
    const link = url && trim(url)
    const length = link ? link.length : all.length
    if (url && !valid(link!)) continue
    plain(m.index)
    end = m.index + length
    if (block) found.push({ kind: "block", text: block })
    else if (code) found.push({ kind: "code", text: code })
    else if (link) found.push({ kind: "link", text: link, href: link })
    else found.push({ kind: "mention", text: all, user: user! })
  }
  plain(text.length)
  return found
}

/** The nodes of a message's text, for `me`. */
export function textNodes(text: string, me: string): Node[] {
  return parts(text).map(part => {
    switch (part.kind) {
      case "text": return document.createTextNode(part.text)
      case "code": return h("code", {}, part.text)
      case "block": return h("pre", { tabindex: 0 }, part.text.replace(/\n$/, ""))
      case "link": return h("a", { href: part.href, target: "_blank", rel: "noopener noreferrer nofollow ugc" }, part.text)
      case "mention": return h("span", { class: part.user === me || part.user === "channel" ? "mention me" : "mention" }, part.text)
    }
  })
}

/** Whether a message names the user. */
export function mentions(text: string, me: string): boolean {
  return parts(text).some(p => p.kind === "mention" && (p.user === me || p.user === "channel"))
}

/** A link without what belongs to the sentence around it. */
function trim(url: string): string {
  let s = url.replace(/[.,;:!?*_~]+$/, "")
  while (/[)\]}]$/.test(s) && !balanced(s)) s = s.slice(0, -1).replace(/[.,;:!?]+$/, "")
  return s
}

function balanced(s: string): boolean {
  return ["()", "[]", "{}"].every(pair => s.split(pair[0]!).length >= s.split(pair[1]!).length)
}

function valid(url: string): boolean {
  try {
    return new URL(url).protocol.startsWith("http")
  } catch {
    return false
  }
}
