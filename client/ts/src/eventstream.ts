/**
 * Parses text/event-stream as the WHATWG's HTML standard says ("Interpreting an event
 * stream"), except that ids are left alone: parley's stand in the data.
 */
export class EventStream {
  /** The last `retry:` in milliseconds, 0 if there was none. */
  retry = 0
  readonly #event: (name: string, data: string) => void
  readonly #decoder = new TextDecoder() // it cuts off the byte order mark
  #rest = "" // of a line whose end has not come
  #name = ""
  #data: string | undefined

  constructor(event: (name: string, data: string) => void) {
    this.#event = event
  }

  push(bytes: Uint8Array | undefined): void {
    let text = this.#rest + this.#decoder.decode(bytes, { stream: true })
    // A CR at the end may be half a CRLF; it waits for what follows.
    const held = text.endsWith("\r") ? "\r" : ""
    if (held) text = text.slice(0, -1)
    const lines = text.split(/\r\n|\n|\r/)
    this.#rest = lines.pop()! + held
    for (const line of lines) this.#line(line)
  }

  #line(line: string): void {
    if (line === "") {
      if (this.#data !== undefined) this.#event(this.#name || "message", this.#data)
      this.#name = ""
      this.#data = undefined
      return
    }
    const colon = line.indexOf(":")
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1))
    if (field === "event") this.#name = value
    else if (field === "data") this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`
    else if (field === "retry" && /^\d+$/.test(value)) this.retry = Number(value)
  }
}
