import type { InboxEntry } from "/parley.js"
import { h, own, the } from "../shared/dom.js"
import type { Inbox } from "./inbox.js"
import { said } from "./message.js"
import type { Room } from "./room.js"
import { brief } from "../shared/times.js"

/** What people read for a channel: its title, the other's name for two, or the name. */
export function label(channel: string, title: string | undefined, me: string): string {
  if (title) return title
  if (!channel.startsWith("dm:")) return `#${channel}`
  const others = channel.slice(3).split(":").filter(user => user !== me)
  return others.join(", ") || me
}

/** The list of channels. `open` is called with the one that is chosen. */
export function mountChannels(inbox: Inbox, me: string, current: () => Room | undefined, open: (channel: string) => void): () => void {
  const list = the("channels")
  return () => {
    const { name: shown, last, loaded = false } = current() ?? {}
    const entries: InboxEntry[] = [...inbox.entries.values()]
    if (shown && !inbox.entries.has(shown)) entries.unshift({ channel: shown, title: inbox.publics.find(p => p.channel === shown)?.title, last_message: last })
    list.replaceChildren(...entries.map(e => h("li", {}, line(e, e.channel === shown, me, open, loaded || e.channel !== shown ? "No messages yet" : ""))))
  }
}

function line(e: InboxEntry, current: boolean, me: string, open: (channel: string) => void, nothing: string): HTMLElement {
  const { last_message: last, unread = 0, mentions = 0 } = e
  const who = last && (last.user === me ? "You" : last.name ?? last.user)
  const what = !last || !who ? [nothing] : last.deleted ? [own(who), " deleted a message"] : said(last, who)
  const node = h("button", { class: `line${unread && !e.muted ? " unread" : ""}`, "data-channel": e.channel, "aria-current": current ? "page" : undefined, onclick: () => open(e.channel) },
    h("span", { class: "name cut" }, own(label(e.channel, e.title, me))),
    last ? h("time", { datetime: new Date(last.timestamp * 1000).toISOString() }, brief(last.timestamp)) : h("span"),
    h("span", { class: "small cut" }, ...what),
    unread ? h("span", { class: mentions ? "count at" : "count", "aria-label": `${unread} unread${mentions ? `, ${mentions} of them for you` : ""}` , role: "img" }, mentions ? `@ ${unread}` : String(Math.min(unread, 999))) : h("span"))
  return node
}
