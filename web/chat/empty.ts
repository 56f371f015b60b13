import { direct } from "./channels.js"
import { h, own } from "../shared/dom.js"

/** What an empty channel shows: how to fill it, or for two something to say. `say` puts words into the composer. */
export function emptyNode(channel: string, label: string, development: boolean, say: (words: string) => void): HTMLElement {
  return direct(channel) ? conversation(label, say) : commands(channel, development)
}

function conversation(label: string, say: (words: string) => void): HTMLElement {
  const words = [`Hello, ${label.split(/\s/)[0]}`, "Do you have a minute?", "I have a question about "]
  return h("section", { id: "empty", class: "empty" }, h("h2", {}, "You and ", own(label)),
    h("p", {}, "This conversation is for the two of you. You could begin with:"),
    h("p", { class: "row" }, ...words.map(w => h("button", { class: "push", onclick: () => say(w) }, own(w.trim()), w.endsWith(" ") && "…"))))
}

function commands(channel: string, development: boolean): HTMLElement {
  const url = `${location.origin}/api/messages`
  const lines = development ? [
    `curl ${url} -d '{"channel_id":"${channel}","user":"alice","text":"hello"}'`,
    `curl ${url} -d channel_id=${channel} -d user=bob -d body=hello`,
    `curl -X POST '${url}?channel_id=${encodeURIComponent(channel)}&user=carol&body=hello'`,
  ] : [
    `curl ${url} -H "Authorization: Bearer $TOKEN" -d '{"channel_id":"${channel}","text":"hello"}'`,
    `curl ${url} -H "Authorization: Bearer $TOKEN" -d channel_id=${channel} -d body=hello`,
    `curl -H "Authorization: Bearer $TOKEN" '${location.origin}/api/messages?channel_id=${encodeURIComponent(channel)}'`,
  ]
  const code = h("pre", { id: "curl", tabindex: 0, "aria-label": "Commands" }, lines.join("\n"))
  const copy = h("button", {
    class: "push", id: "copy", onclick: () => {
      navigator.clipboard.writeText(lines.join("\n")).then(() => { copy.textContent = "Copied" }, () => { copy.textContent = "Select and copy by hand" })
    },
  }, "Copy")
  return h("section", { id: "empty", class: "empty" }, h("h2", {}, "Nothing here yet"), h("p", {}, "Write below, or fill the channel from a terminal:"), code, copy)
}
