import type { InboxEntry } from "/parley.js"
import { h, own, the } from "../shared/dom.js"
import type { Inbox } from "./inbox.js"
import { names } from "./known.js"
import { said } from "./message.js"
import type { Online } from "./online.js"
import type { Room } from "./room.js"
import { brief, whole } from "../shared/times.js"

/** What people read for a channel: its title, the other's name for two, or the name. */
export function label(channel: string, title: string | undefined, me: string): string {
  if (title) return title
  return direct(channel) ? others(channel, me).map(user => names.of(user)).join(", ") || me : `#${channel}`
}

/** Reports whether a channel is one of two users. */
export function direct(channel: string): boolean {
  return channel.startsWith("dm:")
}

/** Who else a direct channel is for. */
export function others(channel: string, me: string): string[] {
  return direct(channel) ? channel.slice(3).split(":").filter(user => user !== me) : []
}

/** The channels in the order in which they are listed: first those of many, then those of two. */
export function listed(inbox: Inbox, room: Room | undefined): InboxEntry[] {
  const { name: shown, last, settings } = room ?? {}
  const entries: InboxEntry[] = [...inbox.entries.values()]
  if (shown && !inbox.entries.has(shown)) entries.unshift({ channel: shown, title: settings?.title ?? inbox.publics.find(p => p.channel === shown)?.title, last_message: last })
  return [...entries.filter(e => !direct(e.channel)), ...entries.filter(e => direct(e.channel))]
}

/** The list of channels. `open` is called with the one that is chosen. */
export function mountChannels(inbox: Inbox, me: string, online: Online, current: () => Room | undefined, open: (channel: string) => void): () => void {
  const list = the("channels")
  return () => {
    const room = current()
    const all = listed(inbox, room)
    const nodes = (entries: InboxEntry[]): HTMLElement[] => entries.map(e => h("li", {},
      line(e, room, me, online, open, room?.loaded || e.channel !== room?.name ? "No messages yet" : "")))
    const section = (words: string, entries: InboxEntry[]): HTMLElement[] =>
      entries.length ? [h("h3", { class: "small" }, words), h("ul", { "aria-label": words }, ...nodes(entries))] : []
    const at = document.activeElement?.closest<HTMLElement>("#channels [data-channel]")?.dataset.channel
    list.replaceChildren(...section("Channels", all.filter(e => !direct(e.channel))), ...section("Direct messages", all.filter(e => direct(e.channel))))
    if (at) for (const node of list.querySelectorAll<HTMLElement>("[data-channel]")) if (node.dataset.channel === at) node.focus({ preventScroll: true })
  }
}

function line(e: InboxEntry, room: Room | undefined, me: string, online: Online, open: (channel: string) => void, nothing: string): HTMLElement {
  const { last_message: last, unread = 0, mentions = 0 } = e
  const who = last && (last.user === me ? "You" : last.name ?? last.user)
  const what = !last || !who ? [nothing] : last.deleted ? [own(who), " deleted a message"] : said(last, who)
  const there = others(e.channel, me).map(user => room?.name === e.channel && room.people.has(user) || online.is(user))[0]
  const loud = e.muted === true ? 0 : e.muted ? mentions : unread
  return h("button", { class: `line${loud ? " unread" : ""}`, "data-channel": e.channel, "aria-current": e.channel === room?.name ? "page" : undefined, onclick: () => open(e.channel) },
    h("span", { class: "name cut" },
      there === undefined ? false : h("i", { class: there ? "here" : "here off", role: "img", "aria-label": there ? "online" : "offline" }),
      own(label(e.channel, e.title, me)), e.muted && h("span", { class: "small" }, e.muted === true ? " muted" : " mentions only")),
    last ? h("time", { datetime: new Date(last.timestamp * 1000).toISOString(), title: whole(last.timestamp) }, brief(last.timestamp)) : h("span"),
    h("span", { class: "small cut" }, ...what),
    unread ? h("span", { class: mentions ? "count at" : "count", "aria-label": `${unread} unread${mentions ? `, ${mentions} of them for you` : ""}`, role: "img" }, mentions ? `@ ${unread}` : String(Math.min(unread, 999))) : h("span"))
}
