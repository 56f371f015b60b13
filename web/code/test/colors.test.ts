import assert from "node:assert/strict"
import { test } from "node:test"
import { most, pieces } from "../colors.js"

const shown = (code: string, language: string): string => {
  const all = pieces(code, language)
  return Array.from({ length: all.length / 2 }, (_, i) => all[2 * i + 1] ? `<${all[2 * i + 1]} ${all[2 * i]}>` : all[2 * i]).join("")
}

test("languages are known by their usual names, in any case", () => {
  for (const [code, language, want] of [
    ["func f() {}", "go", "<kwd func> <func f>() {}"], ["func f() {}", "golang", "<kwd func> <func f>() {}"], ["return 1 // x", "Go", "<kwd return> <num 1> <cmnt // x>"],
    ["let a = 'x'", "javascript", "<kwd let> a <oper => <str 'x'>"], ["if x: pass", "python", "<kwd if> x: <kwd pass>"], ["int x;", "c++", "<kwd int> x;"],
    ["{\"a\": null}", "json", "{<var \"a\">: <num null>}"], ["-a\n+b", "diff", "<deleted -a>\n<insert +b>"], ["SELECT 1", "sql", "<kwd SELECT> <num 1>"],
    ["<a href=\"x\">", "html", "<oper <><var a> <class href><oper =><str \"x\"><oper >>"], ["a: 1 # b", "yml", "<var a><oper :> <num 1> <cmnt # b>"],
  ] as const) assert.equal(shown(code, language), want, `${language}: ${code}`)
})

test("a language that is not known has no colors", () => {
  for (const language of ["haskell", "text", "constructor", "__proto__", "toString", "../go", "go "]) assert.deepEqual(pieces("a = 1", language), [], language)
})

test("the pieces together are the code, whatever it is", () => {
  const languages = ["bash", "c", "css", "diff", "docker", "go", "html", "http", "ini", "java", "js", "json", "lua", "make", "md", "pl", "py", "rs", "sql", "toml", "ts", "xml", "yaml"]
  const codes = ["", "\n", "'", "\"\"\"", "/*", "`${a}`", "`${`${b}`}`", "<script>let a = `${1}`</script>", "```js\nx\n```", "\r\n\0\u2028é👍\u202e", "<a b='c' onclick=\"f(1)\">", "{".repeat(500), "# x\n".repeat(50)]
  for (const language of languages) for (const code of codes)
    assert.equal(pieces(code, language).filter((_, i) => i % 2 === 0).join(""), code, `${language}: ${JSON.stringify(code)}`)
})

test("only so many pieces of a long code have a color, and the rest is one", () => {
  const code = "f(1) ".repeat(40_000)
  assert.equal(code.length, 200_000)
  const all = pieces(code, "js")
  assert.ok(all.length <= 2 * most + 2, `${all.length}`)
  assert.equal(all.filter((_, i) => i % 2 === 0).join(""), code)
  assert.deepEqual([all[1], all.at(-1)], ["func", ""])
})
