import { inName, validName } from "./names.js"

// What others wrote is read in one pass: each character is looked at a bounded number of
// times, whatever the text, so that no message can hold up the page.

export type Part = ({ kind: "text" | "code"; text: string }
  | { kind: "block"; text: string; language: string } // "": not named
  | { kind: "link"; text: string; href: string }
  | { kind: "mention"; text: string; user: string }
  | { kind: "channel"; text: string; channel: string }
  | { kind: "emoji"; text: string; name: string }) & { looks?: string } // some of b (bold), i (italic), s (struck out)

/** A user who is named in a text, from the @ at `at` to `end`. */
interface Mention { at: number; end: number; user: string }

/** No name of an emoji is longer. */
const longestName = 48

/** No more users than this are mentioned by one message, as on the server. */
const mostMentions = 100

const newline = 10, colon = 58, backtick = 96, letterH = 104, letterW = 119

/** The marks of looks, the longer first. */
const marks = [["**", "b"], ["*", "i"], ["_", "i"], ["~~", "s"], ["~", "s"]] as const

/** What a message's text is made of. Put together, the parts are the text, except the marks of code and of looks. */
export function parts(text: string): Part[] {
  const found: Part[] = []
  const mentions = named(text)
  let done = 0 // what is before it is in a part
  let next = 0 // of the mentions
  let noFence = Infinity // from here on there is none
  const looks: { mark: string; look: string; at: number }[] = [] // of the looks that have begun, the outer first
  const none: Record<string, number> = {} // by mark: before this there is no end
  const push = (part: Part): void => {
    const worn = looks.map(l => l.look).join("")
    found.push(worn ? { ...part, looks: worn } : part)
  }
  const plain = (to: number): void => {
    if (to > done) push({ kind: "text", text: text.slice(done, to) })
    done = Math.max(done, to)
  }
  const take = (part: Part, from: number, to: number): number => {
    plain(from)
    push(part)
    return done = to
  }
  const fence = (from: number): number => {
    if (from >= noFence) return -1
    const at = text.indexOf("```", from)
    if (at < 0) noFence = from
    return at
  }

  /** Takes what begins at `i`; where to go on from there. */
  const code = (i: number): number => {
    if (text.startsWith("```", i)) {
      let start = i + 3
      while (inLanguage(text.charCodeAt(start))) start++
      let language = ""
      if (text.charCodeAt(start) === newline) language = text.slice(i + 3, start++)
      else start = i + 3
      let end = fence(start + 1)
      if (end < 0 && start > i + 3 && text.startsWith("```", start)) [language, start, end] = ["", i + 3, start]
      if (end > 0) return take({ kind: "block", text: text.slice(start, end), language }, i, text.charCodeAt(end + 3) === newline ? end + 4 : end + 3)
    }
    let end = i + 1
    while (end < text.length && text.charCodeAt(end) !== backtick && text.charCodeAt(end) !== newline) end++
    if (end === i + 1 || text.charCodeAt(end) !== backtick) return i + 1
    return take({ kind: "code", text: text.slice(i + 1, end) }, i, end + 1)
  }
  /** Begins or ends looks at `i`; where to go on from there. */
  const look = (i: number): number => {
    const inner = looks.at(-1)
    if (inner?.at === i) {
      plain(i)
      looks.pop()
      return done = i + inner.mark.length
    }
    for (const [mark, look] of marks) {
      if (!text.startsWith(mark, i)) continue
      const start = i + mark.length
      if (!looks.some(l => l.look === look) && !wordy(text, i - 1) && !blank(text, start) && i >= (none[mark] ?? 0)) {
        const at = closing(text, mark, start, inner?.at ?? text.length)
        if (typeof at === "number") {
          plain(i)
          looks.push({ mark, look, at })
          return done = start
        }
        none[mark] = at.until
      }
      return start
    }
    return i + 1
  }
  const link = (i: number): number => {
    const bare = text.startsWith("www.", i) && !wordy(text, i - 1)
    const start = bare ? i + 4 : text.startsWith("http://", i) ? i + 7 : text.startsWith("https://", i) ? i + 8 : i
    if (start === i) return i + 1
    let end = start
    while (end < text.length && !endsLink(text.charCodeAt(end))) end++
    if (end === start) return end
    const cut = trim(text, i, end)
    const shown = text.slice(i, cut), href = bare ? `https://${shown}` : shown
    return cut > start && valid(href) ? take({ kind: "link", text: shown, href }, i, cut) : end
  }

  /** Takes `#channel`, whose name begins with a letter: #1 is a number of something else. */
  const channel = (i: number): number => {
    if (!isOpen(text, i - 1)) return i + 1
    let end = i + 1
    while (end < text.length && inName(text.charCodeAt(end))) end++
    const on = end < text.length && goesOn(text.codePointAt(end)!)
    let cut = end
    while (cut > i + 1 && /[.:@-]/.test(text.charAt(cut - 1))) cut--
    const name = text.slice(i + 1, cut)
    return !on && /^[A-Za-z]./.test(name) && validName(name) ? take({ kind: "channel", text: `#${name}`, channel: name }, i, cut) : end
  }
  /** Takes what may be the name of an emoji, such as `:tada:`. */
  const emoji = (i: number): number => {
    let end = i + 1
    while (end - i <= longestName && inEmoji(text.charCodeAt(end))) end++
    const name = text.slice(i + 1, end)
    if (text.charCodeAt(end) !== colon || wordy(text, i - 1) || wordy(text, end + 1) || !/[a-z+-]/.test(name)) return i + 1
    return take({ kind: "emoji", text: `:${name}:`, name }, i, end + 1)
  }

  for (let i = 0; i < text.length;) {
    const c = text.charCodeAt(i)
    while (next < mentions.length && mentions[next]!.at < i) next++
    const mention = mentions[next]
    while (looks.length && looks.at(-1)!.at < i) { // what was taken went beyond it
      plain(i)
      looks.pop()
    }
    if (c === backtick) i = code(i)
    else if (c === letterH || c === letterW) i = link(i)
    else if (c === 42 || c === 95 || c === 126) i = look(i)
    else if (c === 35) i = channel(i)
    else if (c === colon) i = emoji(i)
    else if (mention?.at === i) i = take({ kind: "mention", text: text.slice(i, mention.end), user: mention.user }, i, mention.end)
    else i++
  }
  plain(text.length)
  return found
}

/**
 * Where on the line a mark that begins before `from` ends, before `limit`: after something that is not a space, before what does not
 * go on with a word, and not in code. If it does not end, until where that was looked for.
 */
function closing(text: string, mark: string, from: number, limit: number): number | { until: number } {
  let i = from
  for (; i < limit; i++) {
    const c = text.charCodeAt(i)
    if (c === newline) break
    if (c === backtick) {
      let end = i + 1
      while (end < limit && text.charCodeAt(end) !== backtick && text.charCodeAt(end) !== newline) end++
      if (text.charCodeAt(end) === newline) return { until: end }
      i = end
      continue
    }
    if (c !== mark.charCodeAt(0) || i === from) continue
    let end = i + 1
    while (end < limit && text.charCodeAt(end) === c) end++ // ** and more are not *
    if (end - i === mark.length && !blank(text, i - 1) && !wordy(text, end)) return i
    i = end - 1
  }
  return { until: i }
}

/** Whether there is a letter or digit at `i`. */
function wordy(text: string, i: number): boolean {
  const c = text.charCodeAt(i)
  return i >= 0 && i < text.length && (c < 0x80 ? /\w/.test(String.fromCharCode(c)) && c !== 95 : is(/[\p{L}\p{N}]/u, c))
}

/** Whether a word can begin after `i`: there is a space, an opening bracket, a quote or nothing. */
function isOpen(text: string, i: number): boolean {
  return blank(text, i) || /["'([{]/.test(text.charAt(i))
}

/** Whether a character (its code unit) may be in the name of an emoji. */
function inEmoji(c: number): boolean {
  return c >= 0x61 && c <= 0x7a || c >= 0x30 && c <= 0x39 || c === 0x5f || c === 0x2b || c === 0x2d
}

/** Whether there is a space at `i`, or nothing. */
function blank(text: string, i: number): boolean {
  return i < 0 || i >= text.length || isSpace(text.charCodeAt(i))
}

/** Whom a message names, each once: in its text, or in `data.mentions`. By the server's rule (mention.go). */
export function mentions({ text = "", data }: { text?: string; data?: { readonly [name: string]: unknown } }): Set<string> {
  const users = new Set<string>()
  const more = data?.mentions
  const names = Array.isArray(more) && more.every(name => typeof name === "string" || name === null) ? more as (string | null)[] : []
  for (const user of [...named(text).map(m => m.user), ...names.map(name => (name ?? "").replace(/^@/, ""))]) {
    if (users.size >= mostMentions) break
    if (validName(user)) users.add(user)
  }
  return users
}

/** The name that is being written at the end of a text, after an @ that can begin a mention; undefined if there is none. */
export function begun(text: string): string | undefined {
  let name: string | undefined
  scan(text, (at, end) => { if (end === text.length) name ??= text.slice(at + 1) })
  return name
}

function named(text: string): Mention[] {
  const found: Mention[] = []
  if (text.indexOf("@") >= 0) scan(text, (at, end) => {
    if (end < text.length && goesOn(text.codePointAt(end)!)) return
    while (end > at + 1 && /[.:@-]/.test(text.charAt(end - 1))) end-- // a sentence's full stop is not a part of the name
    const user = text.slice(at + 1, end)
    if (validName(user)) found.push({ at, end, user })
  })
  return found
}

/**
 * Calls back with each @ that can begin a mention, and the end of what can be a name after it.
 * Before the @ is the beginning, a space, an opening bracket or a quote; an address, which has no
 * mentions, ends at a space.
 */
function scan(text: string, found: (at: number, end: number) => void): void {
  let opens = true, address = false, word = 0
  for (let i = 0; i < text.length;) {
    const c = text.codePointAt(i)!
    const size = c > 0xffff ? 2 : 1
    if (isSpace(c)) {
      opens = true
      address = false
      word = i + size
    } else if (c === 0x40 && opens && !address) {
      let end = i + 1
      while (end < text.length && inName(text.charCodeAt(end))) end++
      found(i, end)
      opens = false // the name itself may begin an address
    } else if (c === 0x3a && !address) {
      address = text.startsWith("://", i) || ends(text, word, i, "mailto")
      opens = false
    } else if (c === 0x2e && !address) {
      address = ends(text, word, i, "www")
      opens = false
    } else opens = c === 0x22 || c === 0x27 || is(/[\p{Ps}\p{Pi}\p{Pf}]/u, c)
    i += size
  }
}

/** Whether the text from `from` to `to` ends with a word, in any case. */
function ends(text: string, from: number, to: number, word: string): boolean {
  return to - from >= word.length && text.slice(to - word.length, to).toLowerCase() === word
}

function is(kind: RegExp, c: number): boolean {
  return kind.test(String.fromCodePoint(c))
}

function isSpace(c: number): boolean {
  return c < 0x80 ? c >= 9 && c <= 13 || c === 0x20 : is(/\p{White_Space}/u, c)
}

/** Whether a word goes on with a character. */
function goesOn(c: number): boolean {
  return c === 0xfffd || is(/[\p{L}\p{N}\p{M}\p{Cs}]/u, c)
}

/** Whether a character may be in the name of a language, such as `c++`. */
function inLanguage(c: number): boolean {
  return c === 0x2b || c === 0x23 || c !== 0x40 && c !== 0x2e && c !== 0x3a && inName(c)
}

function endsLink(c: number): boolean {
  return isSpace(c) || c === 0xfeff || c === 0x3c || c === 0x3e || c === 0x22 || c === 0x27 || c === backtick
}

/** Where a link from `start` to `end` ends without what belongs to the sentence around it: punctuation, and brackets that were not opened in it. */
function trim(text: string, start: number, end: number): number {
  const open: Record<string, number> = { ")": 0, "]": 0, "}": 0 }
  for (let i = start; i < end; i++) {
    const c = text.charAt(i)
    const closer = c === "(" ? ")" : c === "[" ? "]" : c === "{" ? "}" : ""
    if (closer) open[closer]!++
    else if (c in open) open[c]!--
  }
  for (; end > start; end--) {
    const c = text.charAt(end - 1)
    if (/[.,;:!?*_~]/.test(c)) continue
    if (!(c in open) || open[c]! >= 0) break
    open[c]!++
  }
  return end
}

function valid(url: string): boolean {
  try {
    return new URL(url).protocol.startsWith("http")
  } catch {
    return false
  }
}
