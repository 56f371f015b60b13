import type { Credentials } from "./credentials.js"
import type { Socket } from "./env.js"
import { ParleyError, silence } from "./error.js"
import type { Host, Stream } from "./stream.js"
import { Timer } from "./timer.js"
import type { Frame } from "./types.js"

/** After so long without a word from the server it is asked, and then has so long to answer, in milliseconds. */
const answerLimit = 10_000
/** What subscriptions and pings of this class have as key, so that no message's key is like them. */
const mark = "\x01"
const codes: Record<number, string> = { 4401: "unauthorized", 4403: "forbidden", 4429: "rate_limited" }

/** GET /ws: any number of channels, both ways. */
export class WebSocketStream implements Stream {
  readonly #host: Host
  readonly #credentials: Credentials
  readonly #subscribed = new Set<string>()
  #socket: Socket | undefined
  #open = false
  #closed = false
  #pinged = 0 // when, in milliseconds; 0: not
  readonly #limit: Timer // of the answer to a ping
  #said: ParleyError | undefined // the last frame, if it may explain the close that follows
  readonly #asked = new Map<string, string>() // the key of each subscribe frame → its channel

  constructor(host: Host, credentials: Credentials) {
    this.#host = host
    this.#credentials = credentials
    this.#limit = new Timer(host.env)
    this.#dial().catch(e => this.#lost(e as ParleyError))
  }

  update(): void {
    if (!this.#open) return
    const wanted = new Set<string>()
    for (const { name } of this.#host.wanted()) {
      wanted.add(name)
      if (!this.#subscribed.has(name)) this.#subscribe(name)
    }
    for (const channel of this.#subscribed) {
      if (wanted.has(channel)) continue
      this.#subscribed.delete(channel)
      this.send({ type: "unsubscribe", channel })
    }
  }

  send(frame: object): void {
    if (this.#open) this.#socket?.send(JSON.stringify(frame))
  }

  check(): void {
    if (!this.#open || this.#pinged) return
    this.#pinged = this.#host.env.now()
    this.#limit.set(answerLimit, () => this.#lost(silence()))
    this.send({ type: "ping", key: mark })
  }

  close(): void {
    this.#closed = true
    this.#open = false
    this.#limit.clear()
    if (this.#socket) this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null
    this.#socket?.close(1000)
  }

  /** A page can't give a WebSocket a header, so a token becomes a ticket: an address may end up in logs. */
  async #dial(): Promise<void> {
    const { env, http } = this.#host
    let ticket
    if (await this.#credentials.token()) ticket = (await http.json<{ ticket: string }>("POST", "/api/tickets")).ticket
    if (this.#closed) return
    const ws = this.#socket = new env.WebSocket!(http.url("/ws", { ticket }).replace(/^http/, "ws"))
    ws.onopen = () => {
      this.#open = true
      this.check()
      this.update()
    }
    ws.onmessage = ({ data }) => {
      if (typeof data === "string") this.#receive(JSON.parse(data) as Frame)
    }
    ws.onerror = () => {} // onclose follows
    ws.onclose = ({ code, reason }) => {
      const said = this.#said
      this.#lost(said ?? new ParleyError(codes[code] ?? (code < 4400 ? "gone" : "bad_request"), reason || `closed with ${code}`, code))
    }
  }

  #receive(frame: Frame): void {
    this.#limit.clear()
    this.#said = undefined
    switch (frame.type) {
      case "ping":
        return this.send({ type: "pong" })
      case "pong":
        if (this.#pinged) this.#host.trip(this.#host.env.now() - this.#pinged)
        this.#pinged = 0
        return this.#host.alive()
      case "draining":
        this.#said = ParleyError.of({ code: "draining", ...frame })
        return
      case "error":
        this.#said = ParleyError.of(frame)
        if (frame.key?.startsWith(mark)) return this.#refused(this.#asked.get(frame.key) ?? "", this.#said, frame)
    }
    this.#host.frame(frame)
  }

  #subscribe(channel: string): void {
    const at = this.#host.wanted().find(p => p.name === channel)
    if (!at || this.#closed) return
    const key = mark + this.#asked.size
    this.#asked.set(key, channel)
    this.#subscribed.add(channel)
    this.send({ type: "subscribe", channel, after: at.cursor, epoch: at.epoch, key })
  }

  /** A subscription was refused: for good, or until later. */
  #refused(channel: string, e: ParleyError, frame: Frame): void {
    if (!channel) return
    if (e.terminal) {
      this.#subscribed.delete(channel)
      return this.#host.frame({ ...frame, type: "forbidden", channel })
    }
    const { env } = this.#host
    env.setTimeout(() => {
      if (this.#subscribed.has(channel)) this.#subscribe(channel)
    }, Math.max(e.retryAfter, 1000 + env.random() * 1000))
  }

  #lost(why: ParleyError): void {
    if (!this.#closed) this.#host.lost(why)
  }
}
