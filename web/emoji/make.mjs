// Makes data.txt of npm's gemoji (GitHub's names of emoji): a line "# group", then one line for each of its emoji: the emoji, its
// names, and a tab with what else finds it. Prints it; testenv/install node has put the package where NODE_PATH says.
//
//	NODE_PATH=testenv/.cache/clients/node_modules node web/emoji/make.mjs >web/emoji/data.txt
import { createRequire } from "node:module"
import { pathToFileURL } from "node:url"

const { gemoji } = await import(pathToFileURL(createRequire(import.meta.url).resolve("gemoji")).href)
const lines = []
let group = ""
for (const { emoji, names, tags, description, category } of gemoji) {
  if (category !== group) lines.push(`# ${group = category}`)
  const known = new Set(names.join("_").split("_"))
  const more = [...description.toLowerCase().split(/[^\p{L}\p{N}]+/u), ...tags].filter(word => word && !known.has(word) && known.add(word))
  lines.push(`${emoji} ${names.join(" ")}${more.length ? `\t${more.join(" ")}` : ""}`)
}
process.stdout.write(`${lines.join("\n")}\n`)
