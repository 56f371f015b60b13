import type { Client, ConnectionState, TransportName } from "/parley.js"
import { h, put, the } from "../shared/dom.js"
import type { Room } from "./room.js"
import { exact } from "../shared/times.js"
import { cut } from "../shared/words.js"

const names: Record<string, string> = { websocket: "WebSocket", sse: "Server-sent events", "long-poll": "Long polling", poll: "Short polling", tab: "Another tab" }
const forced: (TransportName | undefined)[] = [undefined, "websocket", "sse", "long-poll", "poll"]

/** A connection that is lost this shortly is not worth a sentence, in milliseconds. */
const patience = 700

/** How the client is connected: the dot in the head, the sentence below the composer, the panel with what one can do about it. */
export class Connection {
  readonly #client: Client
  readonly #room: () => Room | undefined
  readonly #told: (trouble: string) => void
  readonly #lines: string[] = []
  readonly #values: Record<"transport" | "trip" | "cursor" | "tab", HTMLElement>
  readonly #ways = h("fieldset", {}, h("legend", {}, "Force transport"))
  readonly #log = h("ol", { "aria-label": "Connection log" })
  readonly #off: () => void
  readonly #clock: ReturnType<typeof setInterval>
  #was = ""
  #since = Date.now() // when the connection was lost

  constructor(client: Client, room: () => Room | undefined, told: (trouble: string) => void) {
    this.#client = client
    this.#room = room
    this.#told = told
    const value = (): HTMLElement => h("dd")
    const v = this.#values = { transport: value(), trip: value(), cursor: value(), tab: value() }
    const radio = (t: TransportName | undefined): HTMLElement => h("label", {},
      h("input", { type: "radio", name: "transport", value: t ?? "", checked: !t, onchange: () => client.use(t) }), t ? names[t] : "Automatic")
    this.#ways.append(...forced.map(radio))
    the("panel").replaceChildren(
      h("h2", {}, "Connection"),
      h("dl", {}, h("dt", {}, "Transport"), v.transport, h("dt", {}, "Round trip"), v.trip, h("dt", {}, "Cursor"), v.cursor, h("dt", {}, "Active tab"), v.tab),
      this.#ways,
      h("div", { class: "row" },
        h("button", { class: "push", id: "cut", onclick: () => client.cut() }, "Drop connection"),
        h("button", { class: "push", onclick: () => client.reconnect() }, "Reconnect")),
      this.#log)
    the("now").onclick = () => client.reconnect()
    this.#off = client.on("state", () => this.show())
    this.#clock = setInterval(() => this.show(), 500)
  }

  close(): void {
    document.body.classList.remove("offline")
    this.#off()
    clearInterval(this.#clock)
  }

  /** What an event of the connection looked like, with the time. */
  note(what: string): void {
    this.#lines.unshift(`${exact(Date.now() / 1000)} ${what}`)
    this.#lines.length = Math.min(this.#lines.length, 5)
    this.#log.replaceChildren(...this.#lines.map(l => h("li", { class: "cut" }, l)))
  }

  show(): void {
    const s = this.#client.state
    const way = names[s.transport ?? ""] ?? "no transport"
    const up = s.status === "connected"
    const is = `${s.status} ${s.transport}`
    if (is !== this.#was) {
      if (up) this.note(`Connected: ${way}`)
      else if (this.#was.startsWith("connected")) {
        this.note(`Lost${s.error ? `: ${s.error.message}` : ""}`)
        this.#since = Date.now()
      }
      this.#was = is
    }
    const link = the("link")
    link.dataset.state = s.status
    put(the("way"), up ? way : s.status === "waiting" ? "Reconnecting" : s.status === "refused" ? "Cannot connect" : s.status === "idle" ? "Not connected" : "Connecting")
    put(the("trip"), up && s.roundTrip !== undefined ? `${Math.max(1, Math.round(s.roundTrip))} ms` : "")
    const v = this.#values
    put(v.transport, up ? way : `${way}, not yet`)
    put(v.trip, s.roundTrip === undefined ? "not measured" : `${Math.max(1, Math.round(s.roundTrip))} ms`)
    put(v.cursor, String(this.#room()?.channel.cursor ?? "none yet"))
    put(v.tab, s.leader === false ? "another tab (change it there)" : "this tab")
    this.#ways.disabled = s.leader === false
    const late = Date.now() - this.#since > patience
    const away = !up && (late || s.status === "refused")
    const trouble = away ? sentence(s, way) : ""
    document.body.classList.toggle("offline", away)
    the("now").hidden = !(trouble && s.status === "waiting")
    this.#told(trouble)
  }
}

/** What is happening, and what comes next. */
function sentence(s: ConnectionState, way: string): string {
  const { code, message = "" } = s.error ?? { code: "gone" }
  const why = code === "gone" ? "Connection lost" : code === "network" || code === "timeout" ? "The server is not responding" : tidy(message)
  switch (s.status) {
    case "waiting": return `${why}. Retrying in ${Math.max(1, Math.ceil(((s.retryAt ?? 0) - Date.now()) / 1000))} s.`
    case "refused": return `Cannot connect: ${tidy(s.error?.message ?? "no reason given")}.`
    case "connecting": return s.error ? `${why}. Trying ${way}.` : ""
    default: return ""
  }
}

function tidy(text: string): string {
  const s = cut(text, 160).replace(/[.\s]+$/, "")
  return s.charAt(0).toUpperCase() + s.slice(1)
}
