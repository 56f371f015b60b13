import { h, own, the } from "../shared/dom.js"
import type { Offer } from "./home.js"
import { plain } from "../shared/words.js"

/** Why a channel is not shown, in plain words. */
export function whyNot({ code, message }: { code: string; message: string }): string {
  switch (code) {
    case "forbidden": return "You are not a member of it, or your access does not include it."
    case "bad_channel": return "There can be no channel of this name."
    default: return `The server does not show this channel: ${plain(message).replace(/\.$/, "")}.`
  }
}

/** What stands in place of a channel that the visitor may not read, and where they may go. `offers`: undefined while they are looked for. */
export function refusedNode(name: string | undefined, why: string, offers: Offer[] | undefined, allows: string[] | undefined, open: (channel: string) => void, retry: () => void): HTMLElement {
  const buttons = (offers ?? []).map((o, i) => h("button", { class: i ? "push" : "push first", "data-offer": o.channel, onclick: () => open(o.channel) }, "Open ", own(o.words)))
  if (name !== undefined) buttons.push(h("button", { class: "push", onclick: retry }, "Try again"))
  if (offers?.length === 0) buttons.push(h("button", { class: "push", onclick: () => the("find").click() }, "Find a channel"))
  const none = offers?.length !== 0 ? "" : `There is no channel yet that you may read. ${allows?.length ? `Your access is to ${allows.join(", ")}.` : "Ask for an invitation."}`
  return h("section", { id: "refused", class: "empty", role: "status" }, h("h2", {}, name === undefined ? "No channel to show" : "You cannot read this channel"),
    why ? h("p", {}, why) : false, none ? h("p", {}, none) : false, h("p", { class: "row" }, ...buttons))
}
