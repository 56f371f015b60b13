import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { test } from "node:test"
import { begun, mentions, parts } from "../parse.js"

const shown = (text: string): string => parts(text).map(p => {
  const one = p.kind === "text" ? p.text : `<${p.kind} ${p.kind === "mention" ? p.user : p.text}>`
  return p.looks ? `[${p.looks} ${one}]` : one
}).join("")

test("a message mentions whom the server says that it mentions", () => {
  const cases = JSON.parse(readFileSync(`${process.env.PARLEY_ROOT}/testdata/mentions.json`, "utf8")) as { text: string; data?: Record<string, unknown>; mentions: string[] }[]
  assert.ok(cases.length > 50)
  for (const { text, data, mentions: want } of cases) assert.deepEqual([...mentions({ text, data })], want, JSON.stringify({ text, data }))
})

test("a text is read as code, links and mentions", () => {
  for (const [text, want] of [
    ["", ""], ["plain", "plain"], ["a `b` c", "a <code b> c"], ["`a\nb`", "`a\nb`"], ["``", "``"], ["`a``b`", "<code a><code b>"], ["a ` b", "a ` b"],
    ["```go\nx\n```\nrest", "<block x\n>rest"], ["```x```", "<block x>"], ["```\n```", "<block \n>"], ["```a\n```", "<block a\n>"], ["```go\nx", "```go\nx"], ["``````", "``````"],
    ["```a``` `b` ```c", "<block a> <code b> ```c"], ["` @alice ` @bob", "<code  @alice > <mention bob>"],
    ["see http://a.example/x.", "see <link http://a.example/x>."], ["(http://a.example/(x))", "(<link http://a.example/(x)>)"], ["http://a.example/x)]}.", "<link http://a.example/x>)]}."],
    ["http://a.example/(x", "<link http://a.example/(x>"], ["http://a.example/x).)", "<link http://a.example/x>).)"], ["http://", "http://"], ["http://[", "http://["],
    ["\"https://a.example/\"", "\"<link https://a.example/>\""], ["http://a.example/@alice", "<link http://a.example/@alice>"], ["javascript://a", "javascript://a"],
    ["@alice. @bob: x@carol", "<mention alice>. <mention bob>: x@carol"], ["(@alice)", "(<mention alice>)"], ["@http://a.example/", "<mention http>://a.example/"],
  ] as const) assert.equal(shown(text), want, JSON.stringify(text))
})

test("the language of a block is what its fence names", () => {
  for (const [text, want] of [
    ["```go\nx\n```", "go"], ["```C++\nx\n```", "C++"], ["```c#\nx\n```", "c#"], ["```objective-c\nx\n```", "objective-c"], ["```\nx\n```", ""], ["```go x\n```", ""],
    ["```go```", ""], ["```go\n```", ""], ["``` go\nx\n```", ""], ["```go.mod\nx\n```", ""],
  ] as const) assert.deepEqual(parts(text).map(p => p.kind === "block" && p.language), [want], JSON.stringify(text))
})

test("marks around words are looks, those inside words and without an end are not", () => {
  for (const [text, want] of [
    ["**a**", "[b a]"], ["*a*", "[i a]"], ["_a b_", "[i a b]"], ["~~a~~ ~b~", "[s a] [s b]"], ["**a *b* c**", "[b a ][bi b][b  c]"], ["*a **b***", "*a **b***"],
    ["a*b*c", "a*b*c"], ["snake_case_name", "snake_case_name"], ["2 * 3 * 4", "2 * 3 * 4"], ["*a", "*a"], ["*a\nb*", "*a\nb*"], ["* a*", "* a*"], ["*a *", "*a *"],
    ["**", "**"], ["****", "****"], ["*`a*`*", "[i <code a*>]"], ["*`a*` b", "*<code a*> b"], ["*@alice*", "[i @alice]"], ["*see @alice*", "[i see ][i <mention alice>]"], ["(*a*).", "([i a])."], ["*a* *b", "[i a] *b"],
    ["*see http://a.example/b_c*", "[i see ][i <link http://a.example/b_c>]"], ["_a_b_", "[i a_b]"], ["é*a*", "é*a*"], ["__init__", "__init__"], ["*a* b*", "[i a] b*"],
    ["www.a.example/x.", "<link www.a.example/x>."], ["awww.a", "awww.a"], ["www.", "www."],
  ] as const) assert.equal(shown(text), want, JSON.stringify(text))
})

test("channels and names of emoji are read where a word begins", () => {
  for (const [text, want] of [
    ["#general", "<channel #general>"], ["see #a.b, (#ops)!", "see <channel #a.b>, (<channel #ops>)!"], ["#general.", "<channel #general>."], ["#dm:a:b", "<channel #dm:a:b>"], ["*#ops*", "[i #ops]"], ["*see #ops*", "[i see ][i <channel #ops>]"],
    ["#1", "#1"], ["#", "#"], ["# Title", "# Title"], ["a#b", "a#b"], ["##a", "##a"], ["#a", "#a"], ["#zoë", "#zoë"], ["http://a.example/#top", "<link http://a.example/#top>"], ["`#ops`", "<code #ops>"],
    [":tada:", "<emoji :tada:>"], ["well :+1: done", "well <emoji :+1:> done"], [":a::b:", "<emoji :a:><emoji :b:>"], ["(:tada:)", "(<emoji :tada:>)"], [":ta da:", ":ta da:"], ["10:30:45", "10:30:45"], [":30:", ":30:"],
    ["a:tada:", "a:tada:"], [":tada:b", ":tada:b"], ["::", "::"], [":", ":"], [":Tada:", ":Tada:"], ["`:tada:`", "<code :tada:>"], [`:${"a".repeat(60)}:`, `:${"a".repeat(60)}:`],
  ] as const) assert.equal(shown(text), want, JSON.stringify(text))
})

test("a name is offered where it would be a mention", () => {
  for (const [text, want] of [["@", ""], ["@al", "al"], ["hi (@al", "al"], ["a@al", undefined], ["@al ", undefined], ["http://a/(@al", undefined], ["é@al", undefined], ["", undefined], ["@a.", "a."]] as const)
    assert.equal(begun(text), want, text)
})

/** A text that counts how often one of its characters is looked at. */
class Counted extends String {
  looked = 0
  override charCodeAt(i: number): number { this.looked++; return super.charCodeAt(i) }
  override codePointAt(i: number): number | undefined { this.looked++; return super.codePointAt(i) }
  override charAt(i: number): string { this.looked++; return super.charAt(i) }
  override startsWith(s: string, i?: number): boolean { this.looked += s.length; return super.startsWith(s, i) }
  override slice(from = 0, to = this.length): string { this.looked += Math.max(0, to - from); return super.slice(from, to) }
  override indexOf(s: string, from = 0): number {
    const at = super.indexOf(s, from)
    this.looked += (at < 0 ? this.length : at) - from + s.length
    return at
  }
}

/** Everything else would be looked at without being counted. */
for (const name of Object.getOwnPropertyNames(String.prototype)) {
  if (Object.hasOwn(Counted.prototype, name) || ["constructor", "length", "toString", "valueOf"].includes(name)) continue
  Object.defineProperty(Counted.prototype, name, { get() { throw Error(`${name} is not counted`) } })
}

test("whatever the text, each character is looked at a bounded number of times", () => {
  const shapes = {
    "stars": ["", "*"], "opening stars": ["", "*a "], "closing stars": ["", "a* "], "pairs of stars": ["", "*a* "], "stars in words": ["", "a*"], "double stars": ["", "**a "],
    "all marks": ["", "*a _b ~c **d ~~e "], "nested marks": ["", "**_~a~_** "], "marks that end late": ["*a _b ~c ", "d ", "* _ ~"], "stars and code": ["", "*`a "], "stars and lines": ["", "*a\n"],
    "underlines": ["", "_"], "tildes": ["", "~~a "], "www": ["", "www.a "], "ws": ["", "w"],
    "brackets after a link": ["http://a", ")"], "closing and opening": ["http://a", ")("], "square brackets": ["http://a", "]"], "nested": ["http://a", "(", ")"],
    "full stops after a link": ["http://a", "."], "full stops and a letter": ["http://a", ".", "a"], "full stops and brackets": ["http://a", ".)"],
    "schemes": ["", "http://"], "links": ["", "http://a "], "links in brackets": ["", "(http://a) "], "h": ["", "h"], "https:/": ["", "https:/"], "refused addresses": ["", "http://[ "],
    "backticks": ["", "`"], "single code": ["", "`a"], "code to the line": ["", "`a\n"], "fences": ["", "```"], "fences with a language": ["", "```go\n"], "one fence": ["```", "a"],
    "fences in words": ["", "```a`"], "language without end": ["```", "a", "\n"], "fence after fence": ["", "```\n`"],
    "at signs": ["", "@"], "spaced at signs": ["", " @"], "quoted at signs": ["", "\"@"], "names": ["", "@user "], "one name": ["@", "a"], "name of stops": ["@", ".-:"],
    "names of stops": ["", " @.-:"], "colons": ["", "a:"], "hosts": ["", "www."], "mail": ["", "mailto:@"], "combining": ["e", "\u0301"], "pairs": ["", "😀@"], "half pairs": ["", "\ud83d"],
    "hashes": ["", "#"], "channels": ["", " #ab"], "one channel": ["#a", "a"], "channel of stops": ["#a", ".-:"], "channels that go on": ["", "#aé "], "only colons": ["", ":"], "emoji": ["", ":a:"], "colons and names": ["", " :aaaa"], "long names": ["", `:${"a".repeat(60)}`],
  } satisfies Record<string, string[]>
  for (const [name, [head, unit, tail = ""]] of Object.entries(shapes) as [string, [string, string, string?]][]) {
    const cost = (n: number): number => {
      const text = new Counted(head + unit.repeat(Math.ceil(n / unit.length)) + tail)
      parts(text as unknown as string)
      mentions({ text: text as unknown as string })
      begun(text as unknown as string)
      return text.looked / text.length
    }
    const [few, many] = [cost(4_096), cost(16_384)]
    assert.ok(many < 40 && many < few * 1.2 + 1, `${name}: ${few} looks at each of 4,096 characters, ${many} at each of 16,384`)
  }
})
