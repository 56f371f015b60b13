/**
 * Parses text/event-stream as the WHATWG's HTML standard says ("Interpreting an event
 * stream"), but for two things that a parley server does not ask for: ids are left alone,
 * they stand in the data, and a CR alone ends no line. Returns what takes the bytes; each event
 * comes with the last `retry:` in milliseconds, 0 if there was none.
 */
export function eventStream(event: (name: string, data: string, retry: number) => void): (bytes: Uint8Array | undefined) => void {
  const decoder = new TextDecoder() // it cuts off the byte order mark
  let rest = "" // of a line whose end has not come
  let name = "", data: string | undefined, retry = 0
  return bytes => {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split(/\r?\n/)
    rest = lines.pop()!
    for (const line of lines) {
      const [field, value = ""] = line.split(/: ?(.*)/s)
      if (line === "") {
        if (data !== undefined) event(name || "message", data, retry)
        name = ""
        data = undefined
      } else if (field === "event") name = value
      else if (field === "data") data = data === undefined ? value : `${data}\n${value}`
      else if (field === "retry" && /^\d+$/.test(value)) retry = +value
    }
  }
}
