import { caught, failure, ParleyError } from "./error.js"
import type { Socket } from "./env.js"
import { fits, serialize } from "./limit.js"
import type { Host, Stream } from "./stream.js"
import { timer } from "./timer.js"
import type { Frame } from "./types.js"

/** After so long without a word from the server it is asked, and then has so long to answer, in milliseconds. */
const answerLimit = 5_000
/** What subscriptions and pings of this client have as key, so that no message's key is like them. */
const mark = "\x01"
const codes: Record<number, string> = { 4401: "unauthorized", 4403: "forbidden", 4429: "rate_limited" }

/** GET /ws: any number of channels, both ways. */
export function openWebSocket(host: Host): Stream {
  const { env, http_: http, who_: who } = host
  const subscribed = new Set<string>()
  const asked = [""] // the channels of the subscribe frames; their keys are their places, and that of a ping is 0
  const limit = timer(env) // of the answer to a ping
  let socket: Socket | undefined
  let open = false, closed = false
  let pinged = 0 // when, in milliseconds; 0: not
  let said: ParleyError | undefined // the last frame, if it may explain the close that follows

  const lost = (why: unknown): void => host.lost_(caught(why, "gone"))

  const send = (frame: object): void => {
    const text = fits(serialize(frame)) // else the server closes the connection of all channels
    try {
      if (open) socket!.send(text)
    } catch (e) {
      lost(e)
    }
  }

  const subscribe = (channel: string): void => {
    const at = host.wanted_().find(p => p.name === channel)
    if (!at || closed) return
    subscribed.add(channel)
    send({ type: "subscribe", channel, after: at.cursor, epoch: at.epoch, key: mark + (asked.push(channel) - 1) })
  }

  /** A subscription was refused: for good, or until later. */
  const refused = (channel: string | undefined, e: ParleyError, frame: Frame): void => {
    if (!channel) return
    if (e.terminal) {
      subscribed.delete(channel)
      return host.take_({ ...frame, type: "forbidden", channel })
    }
    env.setTimeout(() => {
      if (subscribed.has(channel)) subscribe(channel)
    }, Math.max(e.retryAfter, 1000 + env.random() * 1000))
  }

  const receive = (frame: Frame): void => {
    const { type, key } = frame
    limit()
    said = undefined
    if (type === "ping") return send({ type: "pong" })
    if (type === "pong") {
      if (pinged) host.trip_(env.now() - pinged)
      pinged = 0
      return host.alive_()
    }
    if (type === "draining" || type === "error") {
      said = ParleyError.of({ code: type, ...frame })
      if (key?.startsWith(mark)) return refused(asked[+key.slice(1)], said, frame)
    }
    host.take_(frame)
  }

  const check = (): void => {
    if (!open || pinged) return
    pinged = env.now()
    limit(answerLimit, () => lost(failure("timeout")))
    send({ type: "ping", key: mark })
  }

  const update = (): void => {
    if (!open) return
    const wanted = host.wanted_().map(p => p.name)
    for (const name of wanted) if (!subscribed.has(name)) subscribe(name)
    for (const channel of subscribed) if (!wanted.includes(channel)) {
      subscribed.delete(channel)
      send({ type: "unsubscribe", channel })
    }
  }

  /** A page can't give a WebSocket a header, so a token becomes a ticket: an address may end up in logs. */
  const dial = async (): Promise<void> => {
    const token = await who.token()
    if (closed) return
    const ticket = token && (await http.json_<{ ticket: string }>("POST", "/api/tickets")).ticket
    if (closed) return
    host.hope_()
    const ws = socket = new env.WebSocket!(http.url_("/ws", { ticket }).replace(/^http/, "ws"))
    ws.onopen = () => {
      open = true
      if (!host.seen_()) send({ type: "visibility", state: "hidden" })
      check()
      update()
    }
    ws.onmessage = ({ data }: { data: unknown }) => receive(JSON.parse(data as string) as Frame) // without a sub-protocol all frames are text
    ws.onerror = () => {} // onclose follows
    ws.onclose = ({ code, reason }: { code: number; reason: string }) =>
      lost(said ?? new ParleyError(codes[code] ?? (code < 4400 ? "gone" : "bad_request"), reason || `closed: ${code}`, code))
  }

  dial().catch(lost)
  return {
    update_: update, send, check_: check,
    close() {
      closed = true
      open = false
      limit()
      socket?.close(1000)
    },
  }
}
