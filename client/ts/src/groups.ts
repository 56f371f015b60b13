import { caught } from "./error.js"
import type { Host, Stream } from "./stream.js"
import type { Position } from "./types.js"

/** What one request may follow, and how many bytes of names (docs/api.md, "Errors"). */
const maxChannels = 200, maxNames = 2048

/** Follows channels until `signal` is aborted; throws what ended it. */
export type Run = (host: Host, names: string[], signal: AbortSignal) => Promise<void>

/**
 * A transport that names its channels in requests: one for each group of channels that fit
 * into one and stand in the same epoch. When the channels change, the groups that changed
 * begin again from their cursors.
 */
export function groups(host: Host, run: Run): Stream {
  let all = new Map<string, AbortController>() // by names
  const begin = (names: string[]): AbortController => {
    const stop = new AbortController()
    const { signal } = stop
    run(host, names, signal).catch(e => {
      const why = caught(e, "bad_answer") // JSON, but not parley's
      if (signal.aborted) return
      const channel = names[1] ? why.body["channel"] as string : names[0]! // because of which all are refused
      if (!why.terminal || why.code === "unauthorized" || !names.includes(channel)) return host.lost_(why)
      all.delete(names.join())
      host.take_({ ...why.body, type: "forbidden", channel }) // then it is no longer wanted, and the others begin again
    })
    return stop
  }
  const update = (wanted = host.wanted_()): void => {
    const was = all
    all = new Map()
    for (const names of split(wanted)) {
      const id = names.join()
      all.set(id, was.get(id) ?? begin(names))
      was.delete(id)
    }
    for (const stop of was.values()) stop.abort()
  }
  update()
  return { update_: () => update(), close: () => update([]) }
}

/** Parts channels into what one request can follow. One of no known epoch goes with any. */
function split(all: Position[]): string[][] {
  const groups: string[][] = []
  const open = new Map<string, { names_: string[]; size_: number }>() // by epoch
  const known = all.find(p => p.epoch)?.epoch
  for (const { name, epoch = known ?? "" } of all) {
    let g = open.get(epoch)
    if (!g || g.names_.length === maxChannels || g.size_ + name.length > maxNames) {
      open.set(epoch, g = { names_: [], size_: 0 })
      groups.push(g.names_)
    }
    g.names_.push(name)
    g.size_ += name.length
  }
  return groups
}

/** The query that names channels and their cursors. */
export function following(host: Pick<Host, "wanted_">, names: string[]): { channel_id: string[]; after?: string | number; epoch?: string } {
  const at = host.wanted_().filter(p => names.includes(p.name) && p.cursor !== undefined)
  return {
    channel_id: names,
    after: names.length === 1 ? at[0]?.cursor : at.map(p => `${p.name}:${p.cursor}`).join() || undefined,
    epoch: at.find(p => p.epoch)?.epoch,
  }
}
