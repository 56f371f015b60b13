import bash from "./speed-highlight/languages/bash.js"
import c from "./speed-highlight/languages/c.js"
import css from "./speed-highlight/languages/css.js"
import diff from "./speed-highlight/languages/diff.js"
import docker from "./speed-highlight/languages/docker.js"
import go from "./speed-highlight/languages/go.js"
import html from "./speed-highlight/languages/html.js"
import http from "./speed-highlight/languages/http.js"
import ini from "./speed-highlight/languages/ini.js"
import java from "./speed-highlight/languages/java.js"
import js from "./speed-highlight/languages/js.js"
import jsdoc from "./speed-highlight/languages/jsdoc.js"
import json from "./speed-highlight/languages/json.js"
import lua from "./speed-highlight/languages/lua.js"
import make from "./speed-highlight/languages/make.js"
import md from "./speed-highlight/languages/md.js"
import pl from "./speed-highlight/languages/pl.js"
import py from "./speed-highlight/languages/py.js"
import regex from "./speed-highlight/languages/regex.js"
import rs from "./speed-highlight/languages/rs.js"
import sql from "./speed-highlight/languages/sql.js"
import todo from "./speed-highlight/languages/todo.js"
import toml from "./speed-highlight/languages/toml.js"
import ts from "./speed-highlight/languages/ts.js"
import uri from "./speed-highlight/languages/uri.js"
import xml from "./speed-highlight/languages/xml.js"
import yaml from "./speed-highlight/languages/yaml.js"
import { tokenizeWith } from "./speed-highlight/tokenize.js"

const languages = { bash, c, css, diff, docker, go, html, http, ini, java, js, jsdoc, json, lua, make, md, pl, py, regex, rs, sql, todo, toml, ts, uri, xml, yaml }

/** What languages are called, too. */
const names: Record<string, keyof typeof languages> = {
  "c++": "c", cc: "c", cpp: "c", cql: "sql", dockerfile: "docker", golang: "go", h: "c", hpp: "c", htm: "html", javascript: "js", jsonc: "json", jsx: "js", makefile: "make",
  markdown: "md", mjs: "js", mysql: "sql", patch: "diff", perl: "pl", pgsql: "sql", postgresql: "sql", python: "py", python3: "py", rust: "rs", sh: "bash", shell: "bash",
  svg: "xml", tsx: "ts", typescript: "ts", yml: "yaml", zsh: "bash",
}

/** No more pieces of one text than this are colored: each is an element of the page. */
export const most = 2_000

/** The pieces of a code: each text is followed by its kind, "" for none. Nothing if the language is not known. */
export function pieces(code: string, language: string): string[] {
  const name = language.toLowerCase()
  const known = Object.hasOwn(names, name) ? names[name]! : name
  if (!Object.hasOwn(languages, known)) return []
  const found: string[] = []
  tokenizeWith(code, languages[known as keyof typeof languages], (text: string, type?: string) => {
    if (!text) return
    const kind = found.length < 2 * most ? type ?? "" : ""
    if (found.length && found.at(-1) === kind) found[found.length - 2] += text
    else found.push(text, kind)
  }, { languages })
  return found
}
