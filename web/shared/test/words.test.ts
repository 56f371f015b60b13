import assert from "node:assert/strict"
import { test } from "node:test"
import { cut, initials, isolated, oneLine, plain } from "../words.js"

const family = "👨‍👩‍👧", flag = "🇩🇪", accented = "e\u0301", heart = "❤️"

test("a text is cut between what people take for characters", () => {
  for (const [text, count, want] of [
    ["abc", 2, "ab"], ["", 2, ""], [family + "x", 1, family], [`a${family}b`, 2, `a${family}`], [flag + flag, 1, flag], [accented + "x", 1, accented], [heart + "x", 1, heart], ["क्षि x", 1, "क्षि"], ["👍🏽x", 1, "👍🏽"],
  ] as const) assert.equal(cut(text, count), want, text)
})

test("without Intl.Segmenter a text is cut between code points, never within a pair", () => {
  for (let count = 0; count < 60; count++) {
    const pieces = Array.from(cut("a😀".repeat(20), count, null))
    assert.equal(pieces.length, Math.min(count, 40))
    assert.ok(pieces.every(p => p === "a" || p === "😀"), pieces.join())
  }
})

test("marks piled on a letter end somewhere, and no pair is cut there", () => {
  assert.ok(cut("e" + "\u0301".repeat(16_000), 1).length <= 24)
  for (let n = 0; n < 4; n++) assert.doesNotMatch(cut("x".repeat(n) + "e" + "\ud834\udd65".repeat(8_000), 1 + n), /[\ud800-\udbff]$/)
  assert.ok(oneLine("e" + "\u0301".repeat(16_000)).length <= 200 * 24)
})

test("initials are whole characters of the first two words", () => {
  for (const [name, want] of [
    ["alice", "AL"], ["alice smith", "AS"], ["a.b", "AB"], ["", "?"], ["_", "?"], ["😀😀", "😀😀"], [`${family} smith`, `${family}S`], [`${accented}lan vital`, "E\u0301V"], ["\u202eevil one", "EO"],
    ["𝔞𝔩ice", "𝔞𝔩"], ["محمد علي", "مع"], ["李小龍", "李小"], ["日本 太郎", "日太"],
  ] as const) assert.equal(initials(name), want, name)
  assert.equal(initials("alice smith", 1), "A")
  assert.equal(initials(`${family}x`, 1), family)
})

test("one line of a text has no marks, breaks or halves of characters", () => {
  assert.equal(oneLine("a\n`b`\t \u202ec\u2069"), "a b c")
  assert.equal(oneLine("😀".repeat(300)), "😀".repeat(200))
  assert.equal(oneLine("x".repeat(199) + family + "y"), "x".repeat(199) + family)
})

test("in an attribute a name is isolated and cannot leave its isolate", () => {
  assert.equal(isolated("alice"), "alice")
  assert.equal(isolated("مرحبا"), "\u2068مرحبا\u2069")
  assert.equal(isolated("a\u2069\u202eb"), "\u2068ab\u2069")
  assert.equal(plain("\u202aa\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200f"), "a\u200f")
})
