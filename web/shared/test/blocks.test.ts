import assert from "node:assert/strict"
import { test } from "node:test"
import { blocks } from "../blocks.js"
import { parts, type Part } from "../parse.js"

const words = (all: Part[]): string => all.map(p => p.kind === "text" && !p.looks ? p.text : `<${p.looks ?? p.kind} ${p.text}>`).join("")
const shown = (text: string): string => blocks(parts(text)).map(b => b.kind === "text" ? words(b.parts) : b.kind === "quote" ? `{> ${words(b.parts)}}`
  : `{${b.ordered ? "ol" : "ul"} ${b.items.map(i => `${i.value ?? "-"}:${words(i.parts)}`).join("|")}}`).join("")

test("lines that begin with a mark are quotes and lists, all others stay as they are", () => {
  for (const [text, want] of [
    ["", ""], ["plain\ntext\n", "plain\ntext\n"], ["> a", "{> a}"], ["> a\n> b\nc", "{> a\nb\n}c"], ["a\n> b", "a\n{> b}"], [">", "{> }"], [">\n> a", "{> \na}"],
    [">a", ">a"], [">= 5", ">= 5"], ["a > b", "a > b"], ["> a\n\n> b", "{> a\n}\n{> b}"],
    ["- a\n- b", "{ul -:a\n|-:b}"], ["* a\n• b", "{ul -:a\n|-:b}"], ["- a\n  more\n  - b", "{ul -:a\nmore\n|-:b}"], ["-a", "-a"], ["- ", "{ul -:}"], ["--", "--"], ["-  a", "{ul -:a}"],
    ["1. a\n2. b", "{ol 1:a\n|2:b}"], ["5) a\n3) b", "{ol 5:a\n|3:b}"], ["1.5 is", "1.5 is"], ["2026. was", "2026. was"], ["- a\n1. b", "{ul -:a\n}{ol 1:b}"], ["intro:\n- a\n\nend", "intro:\n{ul -:a\n}\nend"],
    ["- **a** `b`\n> @bob", "{ul -:<b a> <code b>\n}{> <mention @bob>}"], ["> *a*", "{> <i a>}"], ["**- a**", "<b - a>"], ["```\n- a\n> b\n```\n- c", "<block - a\n> b\n>{ul -:c}"], ["@bob\n- a", "<mention @bob>\n{ul -:a}"], ["- @bob", "{ul -:<mention @bob>}"], ["  text", "  text"],
  ] as const) assert.equal(shown(text), want, JSON.stringify(text))
})

test("put together the blocks are the text without the marks, whatever it is", () => {
  const bits = ["> ", "- ", "1. ", "\n", "a", " ", "*", "`", "@bob", "#room", ":tada:", ">", "\n\n", "```"]
  let seed = 7
  for (let round = 0; round < 3000; round++) {
    let text = ""
    for (let i = 0; i < 12; i++) text += bits[(seed = seed * 1103515245 + 12345 & 0x7fffffff) % bits.length]
    const all = parts(text)
    const left = blocks(all).flatMap(b => b.kind === "list" ? b.items.flatMap(i => i.parts) : b.parts).map(p => p.text).join("")
    const bare = (s: string): string => s.replace(/[>\-•* \d.)]/g, "")
    assert.equal(bare(left), bare(all.map(p => p.text).join("")), JSON.stringify(text))
  }
})

test("a text of nothing but items makes a bounded number of elements", () => {
  for (const line of ["- a\n", "> a\n- b\n", "1. a\n> b\n"]) {
    const all = blocks(parts(line.repeat(5000)))
    assert.ok(all.reduce((n, b) => n + (b.kind === "list" ? b.items.length : 1), 0) <= 202)
    assert.ok(all.at(-1)!.kind === "text" || all.length === 1)
  }
})
