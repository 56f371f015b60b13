import { ParleyError } from "./error.js"
import type { Host, Stream } from "./stream.js"
import type { Position } from "./types.js"

/** What one request may follow, and how many bytes of names (docs/api.md, "Errors"). */
const maxChannels = 200, maxNames = 2048

/** Follows channels until `signal` is aborted; throws what ended it. */
export type Run = (host: Host, names: string[], signal: AbortSignal) => Promise<void>

interface Group { names: string[]; stop: AbortController }

/**
 * A transport that names its channels in requests: one for each group of channels that fit
 * into one and stand in the same epoch. When the channels change, the groups that changed
 * begin again from their cursors.
 */
export class Groups implements Stream {
  readonly #host: Host
  readonly #run: Run
  #groups = new Map<string, Group>()

  constructor(host: Host, run: Run) {
    this.#host = host
    this.#run = run
    this.update()
  }

  update(): void {
    const was = this.#groups
    this.#groups = new Map()
    for (const names of split(this.#host.wanted())) {
      const id = names.join()
      this.#groups.set(id, was.get(id) ?? this.#begin(names))
      was.delete(id)
    }
    for (const g of was.values()) g.stop.abort()
  }

  close(): void {
    for (const g of this.#groups.values()) g.stop.abort()
    this.#groups.clear()
  }

  #begin(names: string[]): Group {
    const group: Group = { names, stop: new AbortController() }
    this.#run(this.#host, names, group.stop.signal)
      .catch(async (e: ParleyError) => {
        if (!(e instanceof ParleyError)) e = new ParleyError("bad_answer", `${e}`) // JSON, but not parley's
        if (group.stop.signal.aborted || (e.terminal && e.code !== "unauthorized" && await this.#ban(group))) return
        this.#host.lost(e)
      })
    return group
  }

  /** Finds the channels because of which a request was refused, and gives them up. */
  async #ban(group: Group): Promise<boolean> {
    const banned = new Map<string, ParleyError>()
    for (const channel of group.names)
      await this.#host.http.ask("GET", "/api/messages", { query: { channel_id: channel, limit: 1 }, signal: group.stop.signal })
        .catch((e: ParleyError) => { if (e.terminal && e.code !== "unauthorized") banned.set(channel, e) })
    if (group.stop.signal.aborted) return true
    this.#groups.delete(group.names.join())
    for (const [channel, e] of banned)
      this.#host.frame({ ...e.body, type: "forbidden", channel })
    return banned.size > 0
  }
}

/** Parts channels into what one request can follow. One of no known epoch goes with any. */
function split(all: Position[]): string[][] {
  const groups: string[][] = []
  const open = new Map<string, { names: string[]; size: number }>() // by epoch
  const known = all.find(p => p.epoch)?.epoch
  for (const { name, epoch = known ?? "" } of all) {
    let g = open.get(epoch)
    if (!g || g.names.length === maxChannels || g.size + name.length > maxNames) {
      open.set(epoch, g = { names: [], size: 0 })
      groups.push(g.names)
    }
    g.names.push(name)
    g.size += name.length
  }
  return groups
}

/** The query that names channels and their cursors. */
export function following(host: Host, names: string[]): { channel_id: string[]; after?: string | number; epoch?: string } {
  const at = host.wanted().filter(p => names.includes(p.name) && p.cursor !== undefined)
  if (!at.length) return { channel_id: names }
  const epoch = at.find(p => p.epoch)?.epoch
  return {
    channel_id: names,
    after: names.length === 1 ? at[0]!.cursor : at.map(p => `${p.name}:${p.cursor}`).join(),
    ...epoch && { epoch },
  }
}
