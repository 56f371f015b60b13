import type { Client, InboxEntry } from "/parley.js"
import { direct, label } from "./channels.js"
import { h, own, the } from "../shared/dom.js"
import { face } from "../shared/faces.js"
import { names } from "./known.js"
import type { Room, Settings } from "./room.js"

type Role = NonNullable<InboxEntry["role"]>
interface Member { user: string; role: Role }

const roles: Role[] = ["owner", "admin", "member", "reader"], mostMembers = 200

/** What of a channel may notify: what is muted, and how that is called. */
const loudness: [NonNullable<InboxEntry["muted"]>, string][] = [[false, "All messages"], ["mentions", "Only mentions"], [true, "Nothing (muted)"]]

export interface DetailsEvents {
  /** The visitor's own place in a channel. */
  entry(channel: string): InboxEntry | undefined
  /** Reports whether the visitor's credentials administer a channel. */
  administers(channel: string): boolean
  /** The visitor has muted a channel, or not. */
  muted(channel: string, muted: InboxEntry["muted"]): void
  /** Something about a channel or its members was changed. */
  changed(): void
}

/** The panel about a channel: what it is called, who belongs to it, and what the visitor may do with both. */
export class Details {
  readonly #client: Client
  readonly #events: DetailsEvents
  readonly #pop = the("details")
  readonly #said = h("p", { class: "small", role: "status" })
  #room: Room | undefined
  #members: Member[] = []
  #more = false

  constructor(client: Client, events: DetailsEvents) {
    this.#client = client
    this.#events = events
  }

  /** Opens it for a room. */
  async open(room: Room): Promise<void> {
    this.#room = room
    this.#members = []
    this.#said.textContent = ""
    this.#pop.replaceChildren() // with what was typed for another room
    this.#show()
    this.#pop.showPopover()
    this.#pop.focus()
    await this.#read()
  }

  get #path(): string {
    return `/api/channels/${encodeURIComponent(this.#room!.name)}`
  }

  get #may(): boolean {
    const { role = "" } = this.#events.entry(this.#room!.name) ?? {}
    return role === "owner" || role === "admin" || this.#events.administers(this.#room!.name)
  }

  /** Reads what the channel is and who its members are, and shows it. */
  async #read(): Promise<void> {
    const room = this.#room!
    await room.readSettings()
    const page = await this.#client.request("GET", `${this.#path}/members?limit=${mostMembers}`).catch(() => ({ members: [] })) as { members: Member[]; next?: string }
    if (room !== this.#room) return
    this.#members = page.members
    this.#more = !!page.next
    this.#show()
  }

  /** Asks the server for a change, says how it went, and shows what is so now. */
  async #do(done: string, method: string, path: string, body?: object, then?: () => void): Promise<void> {
    try {
      await this.#client.request(method, this.#path + path, body)
      this.#said.textContent = done
      then?.()
      this.#events.changed()
      this.#room!.readPeople()
      await this.#read()
    } catch (e) {
      this.#said.textContent = (e as Error).message
    }
  }

  /** Shows what is known, and what was typed into fields and not sent yet. */
  #show(): void {
    const typed = [...this.#pop.querySelectorAll("input")].filter(i => i.value !== i.defaultValue).map(i => [i.id, i.value])
    const { name, settings = {}, me } = this.#room!
    const entry = this.#events.entry(name)
    const two = direct(name), own_ = name.startsWith("@"), may = this.#may
    const focused = this.#pop.contains(document.activeElement) ? document.activeElement?.id : ""
    this.#pop.replaceChildren(
      h("h2", {}, own(label(name, settings.title, me))),
      h("p", { class: "small" }, two ? "Direct messages" : `#${name} · ${settings.kind === "members" ? "members only" : "public"}`),
      ...may || two && entry ? [this.#settings(settings, two)] : settings.topic ? [h("p", {}, own(settings.topic))] : [],
      ...entry && !own_ ? [this.#mine(entry, two)] : [],
      ...two || own_ || !me ? [] : [this.#user("invite", "Invite", "User or name", (user, done) => this.#do(`${names.of(user)} is a member.`, "PUT", member(user), { role: "member" }, done))],
      ...this.#members.length ? [h("h3", {}, `Members · ${this.#members.length}${this.#more ? "+" : ""}`), h("ul", { class: "users" }, ...this.#members.map(m => this.#member(m, may && !two)))] : [],
      ...may && !two && !own_ ? [this.#user("unban", "Lift a ban", "User", (user, done) => this.#do(`${user} is no longer banned.`, "DELETE", `/bans/${encodeURIComponent(user)}`, undefined, done))] : [],
      this.#said)
    for (const [id, text] of typed) {
      const input = document.getElementById(id!) as HTMLInputElement | null
      if (input) input.value = text!
    }
    if (focused) document.getElementById(focused)?.focus()
  }

  /** What the channel is called and who can read it. */
  #settings({ title = "", topic = "", kind = "public" }: Settings, two: boolean): HTMLElement {
    const name = h("input", { id: "edit-title", value: title, maxlength: 128, autocomplete: "off" })
    const about = h("input", { id: "edit-topic", value: topic, maxlength: 250, autocomplete: "off" })
    const closed = h("input", { type: "checkbox", id: "edit-kind", checked: kind === "members" })
    return h("form", {
      class: "fields", onsubmit: (e: Event) => {
        e.preventDefault()
        void this.#do("Saved.", "PUT", "", two ? { title: name.value.trim(), topic: about.value.trim() }
          : { title: name.value.trim(), topic: about.value.trim(), kind: closed.checked ? "members" : "public" })
      },
    }, h("label", {}, "Title", name), h("label", {}, "Topic", about), two ? false : h("label", { class: "check" }, closed, "Members only"),
    h("div", { class: "row" }, h("button", { class: "push first", id: "edit-save" }, "Save")))
  }

  /** What the visitor does with the channel for themselves. */
  #mine({ muted = false }: InboxEntry, two: boolean): HTMLElement {
    const mute = h("select", {
      id: "edit-mute",
      onchange: () => {
        const [muted] = loudness[Number(mute.value)]!
        void this.#do("Saved.", "PUT", "/mute", { muted }, () => this.#events.muted(this.#room!.name, muted))
      },
    },
      ...loudness.map(([is, words], i) => h("option", { value: i, selected: is === muted }, words)))
    return h("div", { class: "fields line-up" }, h("label", {}, "Notify me of", mute),
      two ? false : sure("Leave channel", () => void this.#do("You left the channel.", "DELETE", member(this.#room!.me))))
  }

  #user(id: string, words: string, label: string, act: (user: string, done: () => void) => Promise<void>): HTMLElement {
    const input = h("input", { id: `edit-${id}`, "aria-label": label, placeholder: label, maxlength: 128, autocomplete: "off", autocapitalize: "off", spellcheck: "false" })
    return h("form", {
      class: "fields one", onsubmit: (e: Event) => {
        e.preventDefault()
        if (input.value.trim()) void act(names.find(input.value.trim()), () => { input.value = "" })
      },
    }, input, h("button", { class: "push" }, words))
  }

  #member({ user, role }: Member, may: boolean): HTMLElement {
    const name = names.of(user)
    const who = h("span", { class: "cut" }, own(name), user === this.#room!.me ? h("span", { class: "small" }, " you") : false)
    if (!may || user === this.#room!.me) return h("li", { class: "line" }, face(user, name, true), who, h("span", { class: "small" }, role))
    const choose = h("select", { "aria-label": `Role of ${name}`, onchange: () => void this.#do(`${name} is ${choose.value}.`, "PUT", member(user), { role: choose.value }) },
      ...roles.map(r => h("option", { value: r, selected: r === role }, r)))
    return h("li", { class: "line", "data-user": user }, face(user, name, true), who, h("span", { class: "acts" }, choose,
      sure("Remove", () => void this.#do(`${name} was removed.`, "DELETE", member(user))),
      sure("Ban", () => void this.#do(`${name} is banned.`, "PUT", `/bans/${encodeURIComponent(user)}`))))
  }
}

/** A button that asks once more before it acts. */
function sure(words: string, act: () => void): HTMLElement {
  const button = h("button", {
    class: "push", type: "button", onblur: () => { button.textContent = words }, onclick: () => {
      if (button.textContent !== words) return act()
      button.textContent = `${words}?`
    },
  }, words)
  return button
}

function member(user: string): string {
  return `/members/${encodeURIComponent(user)}`
}
