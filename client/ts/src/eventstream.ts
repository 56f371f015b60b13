/**
 * Parses text/event-stream as the WHATWG's HTML standard says ("Interpreting an event
 * stream"), but for two things that a parley server does not ask for: ids are left alone,
 * they stand in the data, and a CR alone ends no line.
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
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split(/\r?\n/)
    this.#rest = lines.pop()!
    for (const line of lines) this.#line(line)
  }

  #line(line: string): void {
    if (line === "") {
      if (this.#data !== undefined) this.#event(this.#name || "message", this.#data)
      this.#name = ""
      this.#data = undefined
    }
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!
    if (field === "event") this.#name = value
    else if (field === "data") this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`
    else if (field === "retry" && /^\d+$/.test(value)) this.retry = Number(value)
  }
}
