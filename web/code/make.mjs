// Copies what web/code uses of npm's @speed-highlight/core, as it is: the tokenizer, languages and what they import, and the license.
// testenv/install node has put the package where NODE_PATH says.
//
//	NODE_PATH=testenv/.cache/clients/node_modules node web/code/make.mjs web/code/speed-highlight
import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, normalize } from "node:path"

const languages = ["bash", "c", "css", "diff", "docker", "go", "html", "http", "ini", "java", "js", "json", "lua", "make", "md", "pl", "py", "rs", "sql", "toml", "ts", "xml", "yaml",
  "jsdoc", "regex", "todo", "uri"] // the last are in others
const to = process.argv[2]
const from = join(dirname(createRequire(import.meta.url).resolve("@speed-highlight/core")), "../..")

const copied = new Set()
const copy = file => {
  if (copied.has(file)) return
  copied.add(file)
  mkdirSync(dirname(join(to, file)), { recursive: true })
  copyFileSync(join(from, "src", file), join(to, file))
  for (const [, , other] of readFileSync(join(from, "src", file), "utf8").matchAll(/^import .* from (["'])(\..*)\1/gm)) copy(normalize(join(dirname(file), other)))
}
rmSync(to, { recursive: true, force: true })
copy("tokenize.js")
for (const language of languages) copy(`languages/${language}.js`)
copyFileSync(join(from, "LICENSE"), join(to, "LICENSE"))
