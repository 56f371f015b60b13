import type { Credentials } from "./credentials.js"
import type { Socket } from "./env.js"
import { ParleyError } from "./error.js"
import type { Host, Stream } from "./stream.js"
import type { Frame } from "./types.js"

/** After so long without a word from the server it is asked, and then has so long to answer, in milliseconds. */
const answerLimit = 10_000
/** What subscriptions and pings of this class have as key, so that no message's key is like them. */
const mark = "\x01"
const codes: Record<number, string> = { 4400: "bad_request", 4401: "unauthorized", 4403: "forbidden", 4404: "not_found", 4429: "rate_limited", 1013: "overloaded" }

/** GET /ws: any number of channels, both ways. */
export class WebSocketStream implements Stream {
  readonly #host: Host
  readonly #credentials: Credentials
  readonly #subscribed = new Set<string>()
  #socket: Socket | undefined
  #open = false
  #closed = false
  #pinged = 0 // when, in milliseconds; 0: not
  #limit: unknown // of the answer to a ping
  #retries = new Set<unknown>() // timers of subscriptions to try again
  #said: ParleyError | undefined // an error or draining frame that may explain the close that follows
  readonly #asked = new Map<string, string>() // the key of each subscribe frame → its channel

  constructor(host: Host, credentials: Credentials) {
    this.#host = host
    this.#credentials = credentials
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
    this.#limit = this.#host.env.setTimeout(() => this.#lost(new ParleyError("timeout", "the server has fallen silent")), answerLimit)
    this.send({ type: "ping", key: mark })
  }

  close(): void {
    const { env } = this.#host
    this.#closed = true
    this.#open = false
    env.clearTimeout(this.#limit)
    for (const timer of this.#retries) env.clearTimeout(timer)
    if (this.#socket) this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null
    this.#socket?.close(1000)
  }

  /** A page can't give a WebSocket a header, so a token becomes a ticket: an address may end up in logs. */
  async #dial(): Promise<void> {
    const { env, http } = this.#host
    let ticket
    if (await this.#credentials.token()) ticket = ((await http.ask("POST", "/api/tickets")).json as { ticket: string }).ticket
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
      this.#lost(new ParleyError(codes[code] ?? "gone", said?.message || reason || `the connection ended with ${code}`,
        { hint: said?.hint, status: code, retryAfter: said?.retryAfter }))
    }
  }

  #receive(frame: Frame): void {
    const { env } = this.#host
    env.clearTimeout(this.#limit)
    switch (frame.type) {
      case "ping":
        return this.send({ type: "pong" })
      case "pong":
        if (this.#pinged) this.#host.trip(env.now() - this.#pinged)
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
    const timer = env.setTimeout(() => {
      this.#retries.delete(timer)
      if (this.#subscribed.has(channel)) this.#subscribe(channel)
    }, Math.max(e.retryAfter, 1000 + env.random() * 1000))
    this.#retries.add(timer)
  }

  #lost(why: ParleyError): void {
    if (!this.#closed) this.#host.lost(why)
  }
}
