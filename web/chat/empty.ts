import { h } from "../shared/dom.js"

/** What an empty channel shows: how to fill it. */
export function emptyNode(channel: string, development: boolean): HTMLElement {
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
