// Names and texts of other users among the page's own words: each keeps its direction to
// itself, and is cut between what people take for characters.

/** Marks that set the direction of what follows them (Unicode Standard Annex 9), which a name needs for nothing. */
const controls = /[\u202a-\u202e\u2066-\u2069]/g

/** A name or one line of a text, without marks that would turn what stands around it. */
export function plain(text: string): string {
  return text.replace(controls, "")
}

/** The same for an attribute, a title or a notification, which have no elements: between isolates, unless it is ASCII. */
export function isolated(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : `\u2068${plain(text)}\u2069`
}

/** A text in one line, short. */
export function oneLine(text: string): string {
  return plain(cut(text, 200)).replace(/[`\s]+/g, " ").trim()
}

/** One or two letters for a name, or its first emoji. */
export function initials(name: string, most = 2): string {
  const words = plain(name).split(/[\s\p{P}]+/u).filter(Boolean)
  const letters = words.length > 1 && most > 1 ? cut(words[0]!, 1) + cut(words[1]!, 1) : cut(words[0] ?? "?", most)
  return letters.toUpperCase()
}

/** A browser that cannot do this cuts between code points. */
const segmenter = "Segmenter" in Intl ? new Intl.Segmenter(undefined, { granularity: "grapheme" }) : null

/** No character of a name or a quote is longer than this: marks can be piled on a letter without end. */
const tallest = 24

/** The first `count` characters of a text, as people count them. `split`: by what. */
export function cut(text: string, count: number, split: Intl.Segmenter | null = segmenter): string {
  let end = 0
  const all = text.slice(0, count * tallest)
  for (const character of split ? Array.from(split.segment(all), s => s.segment) : all) {
    if (count-- <= 0) break
    end += character.length
  }
  if (/[\ud800-\udbff]/.test(all.charAt(end - 1))) end-- // the slice may have cut a pair
  return all.slice(0, end)
}
