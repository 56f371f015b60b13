import type { Part } from "./parse.js"

/** Lines of a text: as they are, quoted, or items of a list. Each keeps the end of its line. */
export type Block = { kind: "text"; parts: Part[] } | { kind: "quote"; parts: Part[] } | { kind: "list"; ordered: boolean; items: Item[] }

/** `value`: its number, in an ordered list. */
export interface Item { value: number | undefined; parts: Part[] }

/** No more quotes and items than this of one text; the rest stays as it is written. */
const most = 200

const quoted = />(?: |(?=\n)|$)/y
const item = / {0,12}(?:[-*•]|(\d{1,3})[.)]) +(?=\S|$)/y
const goesOn = / {2,}(?=\S)/y

/** The lines of a text's parts, together with those of their kind. Put together they are the parts, without what marks quotes and items. */
export function blocks(parts: readonly Part[]): Block[] {
  const found: Block[] = []
  let into: Part[] = [] // where the line's parts go
  let left = most
  let begins = true // a line

  const text = (): void => {
    const last = found.at(-1)
    if (last?.kind === "text") return void (into = last.parts)
    found.push({ kind: "text", parts: into = [] })
  }
  /** Begins a line that is a text from `at` on; where it goes on behind its mark. */
  const line = (words: string, at: number): number => {
    const last = found.at(-1)
    const marked = (mark: RegExp): RegExpExecArray | null => {
      mark.lastIndex = at
      return left > 0 ? mark.exec(words) : null
    }
    let is = marked(quoted)
    if (is) {
      left--
      if (last?.kind === "quote") into = last.parts
      else found.push({ kind: "quote", parts: into = [] })
    } else if ((is = marked(item))) {
      left--
      const ordered = is[1] !== undefined
      const one = { value: ordered ? Number(is[1]) : undefined, parts: into = [] as Part[] }
      if (last?.kind === "list" && last.ordered === ordered) last.items.push(one)
      else found.push({ kind: "list", ordered, items: [one] })
    } else if (last?.kind !== "list" || !(is = marked(goesOn))) text()
    return at + (is?.[0].length ?? 0)
  }
  const add = (part: Part): void => {
    const last = into.at(-1)
    if (part.kind === "text" && last?.kind === "text" && last.looks === part.looks) into[into.length - 1] = { ...last, text: last.text + part.text }
    else into.push(part)
  }

  for (const part of parts) {
    if (part.kind !== "text" || part.looks) {
      if (begins) text()
      add(part)
      begins = part.kind === "block"
      continue
    }
    for (let i = 0; i < part.text.length;) {
      if (begins) i = line(part.text, i)
      const end = part.text.indexOf("\n", i) + 1 || part.text.length
      begins = part.text.charCodeAt(end - 1) === 10
      if (end > i) add({ kind: "text", text: part.text.slice(i, end) })
      i = end
    }
  }
  return found
}
