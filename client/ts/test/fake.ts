import * as extras from "../src/extras.js"
import type { Broadcast, Env, FetchAnswer, FetchInit, Locks, Sign, Socket } from "../src/env.js"

/** Lets all that is ready run. */
export async function settle(turns = 8): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise(resolve => setImmediate(resolve))
}

/** Random numbers that are the same each time (mulberry32). */
export function seeded(seed: number): () => number {
  return () => {
    let t = seed += 0x6d2b79f5
    t = Math.imul(t ^ t >>> 15, t | 1)
    t ^= t + Math.imul(t ^ t >>> 7, t | 61)
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32
  }
}

/** A token as the client sees one: nobody checks the signature here. */
export function jwt(claims: object): string {
  return `h.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.s`
}

export interface Request {
  method: string
  path: string
  query: URLSearchParams
  headers: Record<string, string>
  body: Record<string, unknown> | undefined
  signal: AbortSignal
}

/** An answer that is there at once. */
export function answer(status: number, json: unknown = undefined, headers: Record<string, string> = {}): FetchAnswer {
  const lower = Object.fromEntries(Object.entries(headers).map(([k, v]) => [k.toLowerCase(), v]))
  return {
    status, body: null,
    headers: { get: name => lower[name.toLowerCase()] ?? null },
    text: async () => json === undefined ? "" : typeof json === "string" ? json : JSON.stringify(json),
  }
}

export function problem(status: number, code: string, headers: Record<string, string> = {}, more: object = {}): FetchAnswer {
  return answer(status, { status, code, detail: `refused: ${code}`, hint: "do better", ...more }, headers)
}

/** An event stream that the test writes. */
export class Body {
  #chunks: Uint8Array[] = []
  #over: Error | true | undefined
  #wake = (): void => {}

  constructor(signal: AbortSignal) {
    signal.addEventListener("abort", () => this.end(new Error("aborted")))
  }

  write(text: string): void {
    this.#chunks.push(new TextEncoder().encode(text))
    this.#wake()
  }

  event(frame: { type: string }): void {
    this.write(`event: ${frame.type}\ndata: ${JSON.stringify(frame)}\n\n`)
  }

  end(why: Error | true = true): void {
    this.#over ??= why
    this.#wake()
  }

  answer(): FetchAnswer {
    const read = async (): Promise<{ done: boolean; value?: Uint8Array }> => {
      for (;;) {
        const value = this.#chunks.shift()
        if (value) return { done: false, value }
        if (this.#over === true) return { done: true }
        if (this.#over) throw this.#over
        await new Promise<void>(resolve => this.#wake = resolve)
      }
    }
    return { ...answer(200, undefined, { "Content-Type": "text/event-stream; charset=utf-8" }), body: { getReader: () => ({ read }) } }
  }
}

/** A WebSocket whose server is the test. */
export class FakeSocket implements Socket {
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onerror: (() => void) | null = null
  readonly url: URL
  readonly sent: Record<string, unknown>[] = []
  closed = false

  constructor(url: string) {
    this.url = new URL(url)
  }

  send(data: string): void {
    if (this.closed) throw new Error("sent to a closed socket")
    this.sent.push(JSON.parse(data) as Record<string, unknown>)
  }

  close(): void {
    this.closed = true
  }

  /** The frames of a type that the client sent. */
  of(type: string): Record<string, unknown>[] {
    return this.sent.filter(f => f["type"] === type)
  }

  open(): void {
    this.onopen?.()
  }

  receive(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }

  /** Opens, answers the ping and welcomes the client to the channels it wants. */
  welcome(at: Record<string, number> = {}, epoch = "e1"): void {
    this.open()
    for (const f of this.of("ping")) this.receive({ type: "pong", key: f["key"] })
    for (const f of this.of("subscribe")) {
      const channel = f["channel"] as string
      const cursor = (f["after"] as number | undefined) ?? at[channel] ?? 0
      this.receive({ type: "welcome", channel, cursor, first_id: 1, last_id: Math.max(cursor, at[channel] ?? 0), epoch, resumed: f["after"] !== undefined, key: f["key"] })
    }
  }

  end(code = 1006, reason = ""): void {
    this.closed = true
    this.onerror?.()
    this.onclose?.({ code, reason })
  }
}

interface Planned { at: number; call: () => void }

/** A world without network and clock: the test is both. */
/** Every test runs again in browsers whose session storage is missing, throws or dies later: TestUnits sets this. */
export const fault = process.env["PARLEY_SESSION_FAULT"]

function faulty(whole: NonNullable<Env["session"]>, how: string): Env["session"] {
  const insecure = (): never => { throw new Error("the operation is insecure") }
  let calls = 0
  switch (how) {
    case "missing": return undefined
    case "throws": return { getItem: insecure, setItem: insecure }
    case "dies": return { getItem: k => ++calls > 2 ? insecure() : whole.getItem(k), setItem: (k, v) => ++calls > 2 ? insecure() : whole.setItem(k, v) }
    default: throw new Error(`no such fault: ${how}`)
  }
}

export class FakeEnv implements Env {
  time = 1_700_000_000_000
  /** What the device's clock is wrong by. Timers do not follow it. */
  skew = 0
  seen = true
  readonly sockets: FakeSocket[] = []
  readonly requests: Request[] = []
  /** Answers requests; null leaves them without an answer until they are aborted. */
  serve: (r: Request) => FetchAnswer | null | Promise<FetchAnswer | null> = () => { throw new Error("no network") }
  WebSocket: Env["WebSocket"]
  session: Env["session"]
  locks: Locks | undefined
  BroadcastChannel: (new (name: string) => Broadcast) | undefined
  indexedDB: object | undefined
  extras = async (): Promise<typeof extras> => extras
  readonly random: () => number
  #timers = new Map<number, Planned>()
  #ids = 0
  #unique = 0
  #listener: ((what: Sign) => void) | undefined
  readonly #name: string

  constructor({ seed = 1, name = "k", kept = new Map<string, string>() } = {}) {
    this.random = seeded(seed)
    this.#name = name
    const { sockets } = this
    this.WebSocket = class extends FakeSocket {
      constructor(url: string) {
        super(url)
        sockets.push(this)
      }
    }
    this.session = { getItem: key => kept.get(key) ?? null, setItem: (key, value) => void kept.set(key, value) }
    if (fault) this.session = faulty(this.session, fault)
  }

  /** The latest WebSocket. */
  get socket(): FakeSocket {
    const s = this.sockets.at(-1)
    if (!s) throw new Error("no WebSocket was opened")
    return s
  }

  get timers(): number {
    return this.#timers.size
  }

  now = (): number => this.time + this.skew
  unique = (): string => `${this.#name}${++this.#unique}`
  visible = (): boolean => this.seen

  setTimeout = (call: () => void, ms: number): unknown => {
    if (!(ms >= 0 && ms < 2 ** 31)) throw new Error(`a timer of ${ms} ms`)
    this.#timers.set(++this.#ids, { at: this.time + ms, call })
    return this.#ids
  }

  clearTimeout = (timer: unknown): void => {
    this.#timers.delete(timer as number)
  }

  listen = (call: (what: Sign) => void): (() => void) => {
    this.#listener = call
    return () => this.#listener = undefined
  }

  /** Tells the client what a browser would. */
  sign(what: Sign): void {
    this.#listener?.(what)
  }

  fetch = async (url: string, init: FetchInit): Promise<FetchAnswer> => {
    const { pathname, searchParams } = new URL(url)
    const r: Request = { method: init.method, path: pathname, query: searchParams, headers: init.headers, signal: init.signal,
      body: init.body === undefined ? undefined : JSON.parse(init.body) as Record<string, unknown> }
    this.requests.push(r)
    const a = await this.serve(r)
    if (a) return a
    return new Promise((_, reject) => {
      if (r.signal.aborted) reject(new Error("aborted"))
      r.signal.addEventListener("abort", () => reject(new Error("aborted")))
    })
  }

  /** Lets time pass, timer by timer. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms
    await settle()
    for (;;) {
      const due = [...this.#timers].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0]
      if (!due) break
      this.#timers.delete(due[0])
      this.time = Math.max(this.time, due[1].at)
      due[1].call()
      await settle()
    }
    this.time = end
  }

  /** The requests to a path so far. */
  asked(path: string, method = "GET"): Request[] {
    return this.requests.filter(r => r.path === path && r.method === method)
  }
}

interface Opening { result?: unknown; onsuccess?: () => void; onupgradeneeded?: () => void; onerror?: () => void; error?: unknown }
interface Asked { result?: unknown; onsuccess?: () => void }
interface Work { oncomplete?: () => void; onabort?: () => void; error: Error; objectStore: () => object }

/** As much of IndexedDB as is used, with faults on demand. */
export function database(): {
  factory: IDBFactory; rows: Map<string, { id: string }>; made: string[]; handles: { close: () => void }[]
  now: { fault: "throws" | "hangs" | "refuses" | "aborts" | undefined }
} {
  const rows = new Map<string, { id: string }>(), made: string[] = [], handles: { close: () => void }[] = []
  const now: { fault: "throws" | "hangs" | "refuses" | "aborts" | undefined } = { fault: undefined }
  const open = (): Opening => {
    if (now.fault === "throws") throw new Error("the operation is insecure")
    let closed = false
    const db = {
      createObjectStore: (name: string, { keyPath }: { keyPath: string }) => made.push(`${name} by ${keyPath}`),
      close: () => { closed = true },
      transaction: (): Work => {
        if (closed) throw new Error("the connection is closing")
        const asks: (() => void)[] = []
        const ask = (what: () => unknown): Asked => {
          const a: Asked = {}
          asks.push(() => {
            a.result = what()
            a.onsuccess?.()
          })
          return a
        }
        const table = {
          getAll: () => ask(() => structuredClone([...rows.values()])),
          put: (row: { id: string }) => ask(() => void rows.set(row.id, structuredClone(row))),
          delete: (id: string) => ask(() => void rows.delete(id)),
        }
        const work: Work = { error: new Error("quota"), objectStore: () => table }
        setImmediate(() => {
          if (now.fault === "aborts") return work.onabort?.()
          for (const run of asks) run()
          work.oncomplete?.()
        })
        return work
      },
    }
    handles.push(db)
    const asked: Opening = { result: db, error: new Error("refused") }
    const fault = now.fault
    setImmediate(() => {
      if (fault === "hangs") return
      if (fault === "refuses") return asked.onerror?.()
      if (!made.length) asked.onupgradeneeded?.()
      asked.onsuccess?.()
    })
    return asked
  }
  return { factory: { open } as unknown as IDBFactory, rows, made, handles, now }
}

/** Gives an environment WebSockets that answer by themselves: pings, subscriptions, and messages, which are acknowledged and come by. */
export function serve(env: FakeEnv): { log: Record<string, unknown>[]; live: () => number } {
  const log: Record<string, unknown>[] = []
  const all: FakeSocket[] = []
  env.WebSocket = class extends FakeSocket {
    constructor(url: string) {
      super(url)
      env.sockets.push(this)
      all.push(this)
      queueMicrotask(() => this.open())
    }
    override send(data: string): void {
      super.send(data)
      const f = this.sent.at(-1)!
      const answer = (frame: object): void => queueMicrotask(() => { if (!this.closed) this.receive(frame) })
      if (f["type"] === "ping") answer({ type: "pong", key: f["key"] })
      if (f["type"] === "subscribe")
        answer({ type: "welcome", channel: f["channel"], cursor: f["after"] ?? log.length, first_id: 1, last_id: log.length, epoch: "e1", resumed: f["after"] !== undefined, key: f["key"] })
      if (f["type"] !== "message") return
      const known = log.find(m => m["key"] === f["key"])
      const m = known ?? { ...f, id: log.length + 1, timestamp: log.length + 1, user: "alice" }
      if (!known) log.push(m)
      answer({ type: "ack", channel: f["channel"], key: f["key"], id: m["id"], timestamp: m["timestamp"], duplicate: !!known })
      if (!known) for (const s of all) if (!s.closed) queueMicrotask(() => s.receive(m))
    }
  }
  return { log, live: () => all.filter(s => !s.closed).length }
}
