import assert from "node:assert/strict"
import { test } from "node:test"
import { eventStream } from "../src/eventstream.js"

const cases: Record<string, [string, [string, string][]]> = {
  "one": ["id: 4\nevent: e\ndata: x\n\n", [["e", "x"]]],
  "the default name": ["data:x\n\n", [["message", "x"]]],
  "CRLF": ["data: a\r\ndata: b\r\n\r\n", [["message", "a\nb"]]],
  "byte order mark": ["\ufeffdata: a\n\n", [["message", "a"]]],
  "comments": [": hi\n\n:\ndata: a\n: mid\n\n", [["message", "a"]]],
  "no data is no event": ["event: e\n\ndata: a\n\n", [["message", "a"]]],
  "one space is cut": ["data:  a\n\n", [["message", " a"]]],
  "empty data is an event": ["data\n\ndata\ndata\n\n", [["message", ""], ["message", "\n"]]],
  "unknown fields": ["foo: x\ndata: a\nDATA: b\n\n", [["message", "a"]]],
  "cut off at the end": ["data: a\n\ndata: b\n", [["message", "a"]]],
  "other scripts": ["data: żółć 👍\u2028\n\n", [["message", "żółć 👍\u2028"]]],
  "colons in the value": ["data: {\"a\":\"b: c\"}\n\n", [["message", "{\"a\":\"b: c\"}"]]],
}

for (const [name, [text, want]] of Object.entries(cases)) {
  test(`an event stream: ${name}, however it is cut`, () => {
    const bytes = new TextEncoder().encode(text)
    for (const size of [1, 2, 3, bytes.length]) {
      const got: [string, string][] = []
      const push = eventStream((event, data) => got.push([event, data]))
      for (let i = 0; i < bytes.length; i += size) push(bytes.slice(i, i + size))
      assert.deepEqual(got, want, `in pieces of ${size}`)
    }
  })
}

test("an event stream: retry is kept if it is a number", () => {
  const got: number[] = []
  eventStream((_, __, retry) => got.push(retry))(new TextEncoder().encode("data: x\n\nretry: 2500\nretry: soon\ndata: x\n\n"))
  assert.deepEqual(got, [0, 2500])
})
