import { Client, type Message } from "/parley.js"
import { direct, label, listed, mountChannels, others } from "./channels.js"
import { Connection } from "./connection.js"
import { mountCreate } from "./create.js"
import { Details } from "./details.js"
import { looking, own, put, soon, the } from "../shared/dom.js"
import { administers, claims, type Identity } from "./identity.js"
import { patterns, readable } from "./home.js"
import { Inbox } from "./inbox.js"
import { Jump } from "./jump.js"
import { names } from "./known.js"
import { Notify } from "./notify.js"
import { Online } from "./online.js"
import { showPeople, typingWords } from "./people.js"
import { Push } from "./push.js"
import { Room, type What } from "./room.js"
import { Search } from "./search.js"
import { Talk } from "./talk.js"
import { validName } from "../shared/names.js"
import { isolated } from "../shared/words.js"

/** How many channels are kept as they were left, and followed. */
const kept = 12

export interface SessionEvents {
  /** The server wants a token, or another one. */
  unauthorized(): void
  /** The server lets the visitor in. */
  admitted(): void
  /** A guest wants to do what needs a name. */
  nameless(): void
  /** Another channel is shown. */
  moved(): void
}

/** One visitor's stay: the client, the inbox, the rooms, and which of them is shown. */
export class Session {
  readonly me: string
  /** What people read for the visitor. */
  readonly name: string
  readonly usesToken: boolean
  readonly #client: Client
  readonly #inbox: Inbox
  readonly #talk: Talk
  readonly #connection: Connection
  readonly #jump: Jump
  readonly #search: Search
  readonly #online: Online
  readonly #details: Details
  readonly #push: Push
  readonly #notify: Notify
  readonly #rooms = new Map<string, Room>() // the one shown last is the last
  readonly #events: SessionEvents
  readonly #life = new AbortController()
  readonly #clock: ReturnType<typeof setInterval>
  readonly #token: string | undefined
  #room: Room | undefined // undefined while it is not known which may be shown
  #trouble = ""
  #home = "" // the channel of who names none
  #off = (): void => {}
  readonly #showChannels: () => void
  readonly #showPeople = soon(() => this.#room && showPeople(this.#room, user => this.me ? this.open(`dm:${[this.me, user].sort().join(":")}`) : this.#events.nameless()))

  constructor(who: Identity, events: SessionEvents) {
    this.#events = events
    this.#token = who.token
    this.usesToken = who.token !== undefined
    const client = this.#client = new Client(location.origin, { ...who, shareTabs: true, storage: "indexeddb" })
    this.me = client.user
    this.name = claims(who.token).name ?? who.name ?? this.me
    names.clear()
    if (this.me) {
      names.learn(this.me, this.name)
      client.notifications().on("subscribed", () => this.#online.refresh())
      client.notifications().on("member-removed", m => this.#rooms.get(m.channel)?.readPeople())
    }
    const inbox = this.#inbox = new Inbox(client)
    const online = this.#online = new Online(client.request, () => this.#showChannels())
    this.#details = new Details(client, {
      entry: channel => inbox.entries.get(channel),
      administers: channel => !!this.me && (!this.usesToken || administers(who.token, channel)),
      muted: (channel, muted) => inbox.mute(channel, muted),
      changed: () => inbox.refresh(),
    })
    const create = mountCreate(client, (channel, trouble) => {
      inbox.refresh()
      this.open(channel)
      if (trouble) this.#talk.problem(new Error(trouble))
    })
    the("new").onclick = () => this.me || this.usesToken ? create() : events.nameless()
    the("info").onclick = () => { if (this.#room) void this.#details.open(this.#room) }
    this.#talk = new Talk(this.me, inbox, {
      development: !this.usesToken,
      allows: patterns(who.token),
      told: () => this.#say(),
      threaded: root => {
        const url = new URL(location.href)
        if (!root) url.searchParams.delete("thread")
        else url.searchParams.set("thread", String(root))
        history[root ? "pushState" : "replaceState"](null, "", url)
      },
      readable: except => readable(client, who.token, 3, except),
      open: channel => this.open(channel),
      nameless: () => events.nameless(),
    })
    this.#jump = new Jump(inbox, this.me, channel => this.open(channel))
    this.#search = new Search(id => this.#talk.jump(id))
    const push = this.#push = new Push(client, { shown: () => looking() ? this.#room?.name : undefined, open: channel => this.open(channel) })
    const notify = this.#notify = new Notify(this.me, push, {
      open: channel => this.open(channel),
      pushes: () => client.state.transport === "websocket", // the others cannot say that nobody looks
      failed: e => this.#talk.problem(e),
    })
    this.#showChannels = soon(mountChannels(inbox, this.me, online, () => this.#room, channel => this.open(channel)))
    inbox.on(() => {
      online.watch([...inbox.entries.keys()].flatMap(channel => others(channel, this.me)))
      this.#talk.inboxRead()
      this.#showChannels()
      this.#showHead()
      if (looking() && inbox.loaded) void push.tidy(channel => !!inbox.entries.get(channel)?.unread)
    })
    inbox.addressed(entry => { if (!looking() || entry.channel !== this.#room?.name) notify.tell(entry) })
    this.#connection = new Connection(client, () => this.#room, trouble => this.#say(trouble))
    client.on("state", ({ status, error }) => {
      if (status === "connected") events.admitted()
      if (status === "refused" && error?.code === "unauthorized") events.unauthorized()
    })
    this.#listen()
    this.#clock = setInterval(() => this.#room?.tick(Date.now()), 500)
    this.#follow()
  }

  /** Shows a channel, as it was left if it was here before. */
  open(name: string, move = true): void {
    if (move && this.#room?.name !== name) {
      const url = new URL(location.href)
      url.searchParams.set("channel", name)
      url.searchParams.delete("thread")
      history.pushState(null, "", url)
    }
    this.#off()
    let room = this.#rooms.get(name)
    if (!room) {
      room = new Room(this.#client.channel(name), this.me, {
        request: (...ask) => this.#client.request(...ask),
        heard: (where, m) => this.#heard(where, m),
        changed: m => this.#inbox.amend(m),
        subscribed: (where, w) => {
          if (where === this.#room) this.#connection.note(w.resumed ? `#${name} goes on after ${w.cursor}` : `#${name} followed from ${w.cursor}`)
        },
      })
    }
    this.#rooms.delete(name)
    this.#rooms.set(name, room)
    for (const [other, { close }] of [...this.#rooms].slice(0, -kept)) {
      close.call(this.#rooms.get(other))
      this.#rooms.delete(other)
    }
    this.#room = room
    const off = room.on(what => this.#changed(what))
    this.#off = off
    this.#talk.open(room, label(name, this.#title, this.me))
    this.#showHead()
    this.#showChannels()
    this.#showPeople()
    this.#say()
    this.#connection.show()
    this.#events.moved()
    if (move && matchMedia("(hover: hover)").matches) this.focus()
  }

  focus(): void {
    this.#talk.focus()
  }

  /** Ends the visit for good: this browser is not notified any more. */
  signOut(): void {
    this.#notify.signOut()
    this.close()
  }

  close(): void {
    this.#life.abort()
    this.#push.close()
    clearInterval(this.#clock)
    this.#off()
    this.#talk.close()
    this.#connection.close()
    this.#online.close()
    this.#inbox.close()
    for (const room of this.#rooms.values()) room.close()
    this.#client.close()
  }

  get #title(): string | undefined {
    const name = this.#room?.name ?? ""
    return this.#room?.settings?.title || this.#inbox.entries.get(name)?.title || this.#inbox.publics.find(p => p.channel === name)?.title
  }

  #listen(): void {
    const { signal } = this.#life
    addEventListener("popstate", () => this.#follow(), { signal })
    document.addEventListener("keydown", e => {
      if (e.altKey && !e.ctrlKey && !e.metaKey && !e.shiftKey && (e.key === "ArrowUp" || e.key === "ArrowDown")) {
        e.preventDefault()
        return this.#step(e.key === "ArrowUp" ? -1 : 1)
      }
      const find = e.key === "/" && !e.ctrlKey && !e.metaKey && !e.altKey && !(e.target as Element).matches("input, textarea, select")
        || e.key.toLowerCase() === "f" && (e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey
      if (find && this.#room && !this.#room.refused && !this.#search.opened) { // a second Ctrl+F is the browser's
        e.preventDefault()
        return this.#search.open(this.#room)
      }
      if (e.key.toLowerCase() !== "k" || !(e.ctrlKey || e.metaKey) || e.altKey || e.shiftKey) return
      e.preventDefault()
      this.#jump.open()
    }, { signal })
    the("seek").onclick = () => { if (this.#room && !this.#room.refused) this.#search.open(this.#room) }
    document.addEventListener("click", e => {
      const link = (e.target as Element).closest<HTMLElement>("a[data-open]")
      if (!link || e.ctrlKey || e.metaKey || e.shiftKey || e.altKey) return
      e.preventDefault()
      this.open(link.dataset.open!)
    }, { signal })
    the("find").onclick = () => this.#jump.open()
    the("join").onclick = () => {
      const { name } = this.#room!
      this.#client.request("PUT", `/api/channels/${encodeURIComponent(name)}/members/${encodeURIComponent(this.me)}`, { role: "member" })
        .then(() => {
          this.#room?.readPeople()
          this.#inbox.refresh()
        }, (e: Error) => this.#talk.problem(e))
    }
  }

  /** Shows the channel before or after this one in the list. */
  #step(by: number): void {
    const all = listed(this.#inbox, this.#room)
    const next = all[all.findIndex(e => e.channel === this.#room?.name) + by]
    if (!next) return
    this.open(next.channel)
    this.focus()
  }

  /** Shows what the address names: `?channel=general`, or `#general` as in notifications. */
  #follow(): void {
    const url = new URL(location.href)
    const linked = url.hash.slice(1)
    if (validName(linked.replace(/^@/, ""))) {
      url.hash = ""
      url.searchParams.set("channel", linked)
      url.searchParams.delete("thread")
      history.replaceState(null, "", url)
    }
    const query = url.searchParams
    const name = query.get("channel") || this.#home
    if (!name) return void this.#goHome()
    if (this.#room?.name !== name) this.open(name, false)
    this.#talk.thread(Math.max(0, Math.floor(Number(query.get("thread")))) || undefined)
  }

  /** Finds a channel for who names none. */
  async #goHome(): Promise<void> {
    try {
      const [first] = await readable(this.#client, this.#token, 1)
      if (this.#life.signal.aborted || this.#room) return
      this.#events.admitted()
      this.#home = first?.channel ?? ""
      if (first) this.#follow()
      else this.#talk.nowhere()
    } catch {
      this.#events.unauthorized()
    }
  }

  #changed(what: What): void {
    if (what === "people") {
      this.#showPeople()
      this.#showHead()
      if (direct(this.#room!.name)) this.#showChannels()
    }
    else if (what === "draft") this.#talk.drafted()
    else if (what === "typing") this.#say()
    else {
      this.#talk.changed()
      this.#showHead()
      if (!this.#inbox.entries.has(this.#room!.name)) this.#showChannels()
    }
  }

  #heard(room: Room, m: Message): void {
    this.#inbox.touch(m)
    if (room === this.#room) this.#talk.heard(m)
  }

  #showHead(): void {
    if (!this.#room) return
    const { name } = this.#room
    const words = label(name, this.#title, this.me)
    const unread = this.#inbox.unread
    const title = `${unread ? `(${unread}) ` : ""}${isolated(words)} · parley`
    if (document.title !== title) {
      document.title = title
      navigator.setAppBadge?.(unread).catch(() => {})
    }
    put(the("title"), own(words))
    const { topic = "" } = this.#room.settings ?? {}
    put(the("topic"), topic ? own(topic) : this.#title && !direct(name) ? `#${name}` : "")
    the("topic").title = topic
    the("info").hidden = the("seek").hidden = !!this.#room.refused
    the("join").hidden = !this.me || !this.#inbox.loaded || this.#inbox.entries.has(name) || this.#room.members.has(this.me) || direct(name) || !!this.#room.refused || name.startsWith("@")
  }

  /** The line below the composer: trouble first, then who is typing. */
  #say(trouble = this.#trouble): void {
    this.#trouble = trouble
    const bad = this.#talk.trouble || trouble
    const line = the("under")
    put(line.firstElementChild as HTMLElement, ...bad ? [bad] : this.#room ? typingWords(this.#room) : [])
    line.classList.toggle("bad", !!(this.#talk.trouble || trouble))
  }
}
