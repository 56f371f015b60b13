import type { Client } from "/parley.js"
import { h, the } from "../shared/dom.js"
import { named } from "./identity.js"
import { validName } from "../shared/names.js"

/** What is known of a channel that may not exist yet. */
interface Found { title?: string; topic?: string; last_id?: number }

/** The dialog that makes a channel. `made` is called with its name, and with what did not work. */
export function mountCreate(client: Client, made: (channel: string, trouble: string) => void): () => void {
  const pop = the("create")
  const title = h("input", { id: "create-title", maxlength: 128, autocomplete: "off", placeholder: "Release planning" })
  const name = h("input", { id: "create-name", maxlength: 128, autocomplete: "off", spellcheck: "false", autocapitalize: "off", placeholder: "release-planning" })
  const kind = (value: string, words: string): HTMLElement => h("label", {}, h("input", { type: "radio", name: "kind", value, checked: value === "public" }), words)
  const trouble = h("p", { class: "why", role: "alert", hidden: true })
  const form = h("form", { class: "fields" },
    h("h2", {}, "New channel"),
    h("label", {}, "Title", title),
    h("label", {}, "Name in addresses", name),
    h("fieldset", {}, h("legend", {}, "Who can read it"), kind("public", "Everybody on this server"), kind("members", "Members only")),
    trouble,
    h("div", { class: "row" }, h("button", { class: "push first" }, "Create channel"), h("button", { class: "push", type: "button", onclick: () => pop.hidePopover() }, "Cancel")))
  let chosen = false // the name was typed, and does not follow the title
  title.oninput = () => { if (!chosen) name.value = named(title.value)?.user ?? "" }
  name.oninput = () => { chosen = name.value !== "" }
  const say = (words: string): void => {
    trouble.textContent = words
    trouble.hidden = !words
  }
  const create = async (channel: string): Promise<void> => {
    const path = `/api/channels/${encodeURIComponent(channel)}`
    const found = await client.request("GET", path).catch(() => ({})) as Found
    if (found.last_id || found.title || found.topic) throw new Error(`There is already a channel named #${channel}.`)
    const isPublic = new FormData(form).get("kind") === "public"
    let without = ""
    try {
      await client.request("PUT", path, { title: title.value.trim(), kind: isPublic ? "public" : "members" })
    } catch (e) {
      if ((e as { code?: string }).code !== "forbidden" || !isPublic) throw e
      without = "Your access does not include setting a title." // the channel begins without one
    }
    if (isPublic && client.user) await client.request("PUT", `${path}/members/${encodeURIComponent(client.user)}`, { role: "member" })
    pop.hidePopover()
    made(channel, without)
  }
  form.onsubmit = e => {
    e.preventDefault()
    const channel = name.value.trim().replace(/^#/, "")
    if (!validName(channel) || channel.startsWith("dm:")) return say("A name has letters, digits and . _ - : @ and does not begin with @ or dm:.")
    say("")
    create(channel).catch((e: Error) => say(e.message))
  }
  pop.replaceChildren(form)
  return () => {
    form.reset()
    chosen = false
    say("")
    pop.showPopover()
    title.focus()
  }
}
