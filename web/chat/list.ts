import { h, soon } from "../shared/dom.js"
import { same, type Row } from "./rows.js"

export interface ListEvents {
  make(row: Row): HTMLElement
  /** What is shown has changed; `end`: its end is in sight. */
  seen(end: boolean): void
  /** The first rows are near. */
  top(): void
}

/** Where a list stands, and how tall its rows are; for coming back to it. `offset` is where the anchor begins or (`ends`) ends. */
interface View { stuck: boolean; key: string; ends: boolean; offset: number; heights: Map<string, number>; width: number }

/** How far beyond what is visible the rows in the document reach, in pixels. */
const beyond = 600
/** This near the end counts as there; this near the top more is asked for. */
const near = 32, early = 1500
/** Rows that do not stay beside the same messages. */
const moves = new Set<Row["kind"]>(["top", "day", "new"])

/**
 * A list of any length of which only the rows around the visible ones are in the document:
 *
 *     scroller ┬ above: as tall as the rows before
 *              ├ rows from…to, measured
 *              └ below
 *
 * What one looks at stays where it is, whatever is added or turns out taller above it: the
 * end of the anchor, the first message that is wholly visible, keeps its distance to the top.
 * (Its end: history may make it the second of a group, which has no name above it. A message:
 * the line for its day moves up before history.) At the end (stuck) it is the end that stays.
 */
export class List {
  readonly #box: HTMLElement
  readonly #above = h("div")
  readonly #below = h("div")
  readonly #events: ListEvents
  readonly #most: number
  readonly #nodes = new Map<string, { node: HTMLElement; row: Row }>()
  #rows: Row[] = []
  #index = new Map<string, number>()
  #tops = new Float64Array(1) // where each row begins; the last is where all end
  #known = 0 // up to which row they are right
  #view: View = fresh()
  #set = -1 // the position that layout left
  readonly #life = new AbortController()

  readonly #again = soon(() => this.#layout())

  /** Never more than `most` rows are in the document. */
  constructor(box: HTMLElement, inner: HTMLElement, most: number, events: ListEvents) {
    this.#box = box
    this.#most = most
    this.#events = events
    inner.append(this.#above, this.#below)
    box.addEventListener("scroll", () => {
      this.#look()
      this.#again()
    }, { passive: true, signal: this.#life.signal })
    const size = new ResizeObserver(() => {
      if (this.#view.width !== inner.clientWidth) {
        this.#view.width = inner.clientWidth
        this.#view.heights.clear()
        this.#known = 0
      }
      this.#layout()
    })
    size.observe(box)
    this.#life.signal.addEventListener("abort", () => size.disconnect())
  }

  /** Lets go of the scroller. */
  close(): void {
    this.#life.abort()
    this.show(undefined)
  }

  /** Shows other rows, as they were left. */
  show(view: unknown): void {
    for (const { node } of this.#nodes.values()) node.remove()
    this.#nodes.clear()
    this.#rows = []
    this.#known = 0
    this.#index.clear()
    const width = this.#view.width
    this.#view = (view as View | undefined) ?? fresh()
    if (this.#view.width !== width) this.#view.heights.clear()
    this.#view.width = width
    this.#set = -1
  }

  /** Where the list stands, for show. */
  get view(): unknown {
    return this.#view
  }

  get atEnd(): boolean {
    return this.#view.stuck
  }

  update(rows: Row[]): void {
    if (this.#set >= 0) this.#look()
    this.#rows = rows
    this.#known = 0
    this.#index = new Map(rows.map((r, i) => [r.key, i]))
    this.#layout()
  }

  /** Measures again a row that has changed. */
  remeasure(): void {
    this.#again()
  }

  toEnd(): void {
    this.#view.stuck = true
    this.#layout()
  }

  /** Brings a row into sight, a third from the top. False if there is none. */
  to(key: string): boolean {
    if (!this.#index.has(key)) return false
    this.#view.stuck = false
    this.#view.key = key
    this.#view.ends = false
    this.#view.offset = Math.round(this.#box.clientHeight / 3)
    this.#layout()
    return true
  }

  node(key: string): HTMLElement | undefined {
    return this.#nodes.get(key)?.node
  }

  /** The rows that are in sight, whole or in part. */
  *visible(): Generator<Row> {
    const { scrollTop, clientHeight } = this.#box
    for (let i = this.#at(scrollTop); i < this.#rows.length && this.#tops[i]! < scrollTop + clientHeight; i++) yield this.#rows[i]!
  }

  /** Learns where the user has scrolled to. */
  #look(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.#box
    if (!this.#rows.length || Math.abs(scrollTop - this.#set) < 1) return
    const view = this.#view
    view.stuck = scrollHeight - scrollTop - clientHeight < near
    let i = this.#at(scrollTop)
    while (i < this.#rows.length - 1 && (this.#tops[i]! < scrollTop || moves.has(this.#rows[i]!.kind))) i++
    if (this.#tops[i]! > scrollTop + clientHeight / 2 && i > 0 && !moves.has(this.#rows[i - 1]!.kind)) i-- // not one far below a tall one
    view.key = this.#rows[i]!.key
    view.ends = true
    view.offset = this.#tops[i + 1]! - scrollTop
    this.#set = scrollTop
  }

  #layout(): void {
    if (this.#life.signal.aborted) return
    const view = this.#view
    const box = this.#box
    const height = box.clientHeight
    let at = 0
    for (let round = 0; round < 6; round++) {
      this.#sum()
      at = this.#target(height)
      const from = Math.max(0, this.#at(at - beyond))
      let to = from
      while (to < this.#rows.length && to - from < this.#most && this.#tops[to]! < at + height + beyond) to++
      this.#render(from, to)
      let changed = false
      for (let i = from; i < to; i++) {
        const { key } = this.#rows[i]!
        const tall = this.#nodes.get(key)!.node.getBoundingClientRect().height
        if (view.heights.get(key) !== tall) {
          view.heights.set(key, tall)
          this.#known = Math.min(this.#known, i)
          changed = true
        }
      }
      if (!changed) break
    }
    if (Math.abs(box.scrollTop - at) >= 1) box.scrollTop = at
    view.stuck ||= this.#rows.length > 0 && this.#tops[this.#rows.length]! - at - height < near
    this.#set = box.scrollTop
    if (!this.#rows.length) return
    this.#events.seen(view.stuck)
    if (this.#set < early) this.#events.top()
  }

  /** Where to stand so that the anchor, or the end, is where it was. */
  #target(height: number): number {
    const total = this.#tops[this.#rows.length]!
    const end = Math.max(0, total - height)
    const i = this.#index.get(this.#view.key)
    if (this.#view.stuck) return end
    if (i === undefined) return Math.min(end, Math.max(0, this.#box.scrollTop))
    return Math.min(end, Math.max(0, this.#tops[this.#view.ends ? i + 1 : i]! - this.#view.offset))
  }

  /** Adds up the heights, from the first row on whose place is not known. */
  #sum(): void {
    const { heights } = this.#view
    const rows = this.#rows
    if (this.#tops.length < rows.length + 1) {
      this.#tops = new Float64Array(2 * rows.length + 64)
      this.#known = 0
    }
    let sum = this.#known ? this.#tops[this.#known]! : 0
    for (let i = this.#known; i < rows.length; i++) {
      const { key, tall } = rows[i]!
      this.#tops[i] = sum
      sum += heights.get(key) ?? tall
    }
    this.#tops[rows.length] = sum
    this.#known = rows.length
  }

  /** The row at a position. */
  #at(position: number): number {
    let low = 0, high = this.#rows.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#tops[middle]! <= position) low = middle
      else high = middle - 1
    }
    return Math.max(0, low)
  }

  /** Puts these rows into the document, and takes the others out. Nodes that stay are not moved. */
  #render(from: number, to: number): void {
    this.#above.style.height = `${this.#tops[from]}px`
    this.#below.style.height = `${this.#tops[this.#rows.length]! - this.#tops[to]!}px`
    const keep = new Set<string>()
    for (let i = from; i < to; i++) keep.add(this.#rows[i]!.key)
    for (const [key, { node }] of this.#nodes) {
      if (keep.has(key)) continue
      if (node.contains(document.activeElement)) this.#box.focus({ preventScroll: true })
      node.remove()
      this.#nodes.delete(key)
    }
    let next: ChildNode | null = this.#above.nextSibling
    for (let i = from; i < to; i++) {
      const row = this.#rows[i]!
      const known = this.#nodes.get(row.key)
      if (known && same(known.row, row)) {
        known.row = row
        if (known.node === next) next = next.nextSibling
        else this.#above.parentNode!.insertBefore(known.node, next)
        continue
      }
      const node = this.#events.make(row)
      if (known) {
        if (known.node === next) next = next.nextSibling
        const { activeElement } = document
        const focused = known.node === activeElement || known.node.contains(activeElement) && activeElement!.matches(":focus-visible") // by keyboard
        known.node.replaceWith(node)
        if (focused) node.focus({ preventScroll: true })
      } else this.#above.parentNode!.insertBefore(node, next)
      this.#nodes.set(row.key, { node, row })
    }
  }
}

function fresh(): View {
  return { stuck: true, key: "", ends: false, offset: 0, heights: new Map(), width: 0 }
}
