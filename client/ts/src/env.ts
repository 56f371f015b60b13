/** What the client needs from outside. Tests bring their own; everybody else has `hostEnv()`. */
export interface Env {
  fetch(url: string, init: FetchInit): Promise<FetchAnswer>
  /** Left out where there is none: then the client does without that transport. */
  WebSocket?: new (url: string) => Socket
  setTimeout(call: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
  /** Milliseconds since 1970. */
  now(): number
  /** 0 ≤ random < 1, for waits. */
  random(): number
  /** A string that nobody else makes: idempotency keys and the names of tabs. */
  unique(): string
  /** Calls back when the network or the page comes back, the page goes away, or is shown or hidden. */
  listen(call: (what: Sign) => void): () => void
  /** Is somebody looking? */
  visible(): boolean
  /** What is remembered as long as the page's session. */
  session?: { getItem(key: string): string | null; setItem(key: string, value: string): void }
  locks?: Locks
  BroadcastChannel?: new (name: string) => Broadcast
  indexedDB?: object
  /** Loads what shares tabs and keeps messages, for clients that want that. Default: the file beside this one. */
  extras?(): Promise<object>
}

export type Sign = "online" | "pageshow" | "pagehide" | "visible" | "hidden"

export interface FetchInit {
  method: string
  headers: Record<string, string>
  body?: string
  signal: AbortSignal
  credentials: "include" | "same-origin"
}

export interface FetchAnswer {
  readonly status: number
  readonly headers: { get(name: string): string | null }
  text(): Promise<string>
  readonly body: { getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array }> } } | null
}

/** The part of a WebSocket that is used: a browser's, Node's, or that of the package `ws`. */
export interface Socket {
  onopen: ((event: never) => void) | null
  onmessage: ((event: never) => void) | null
  onclose: ((event: never) => void) | null
  onerror: ((event: never) => void) | null
  send(data: string): void
  close(code?: number, reason?: string): void
}

/** The part of the Web Locks API that is used. */
export interface Locks {
  request(name: string, options: { signal?: AbortSignal; steal?: boolean }, hold: () => Promise<void>): Promise<void>
}

/** The part of a BroadcastChannel that is used. */
export interface Broadcast {
  onmessage: ((event: { data: unknown }) => void) | null
  postMessage(message: unknown): void
  close(): void
}

/** The browser, Node, Deno, Bun or worker that this runs in. */
export function hostEnv(): Env {
  const g = globalThis as unknown as Partial<Env> & typeof globalThis & {
    navigator?: { locks?: Locks }
    document?: { visibilityState: string } & EventTarget
  }
  return {
    fetch: (url, init) => fetch(url, init as RequestInit),
    WebSocket: g.WebSocket as Env["WebSocket"],
    setTimeout: (call, ms) => setTimeout(call, ms),
    clearTimeout: timer => clearTimeout(timer as number),
    now: Date.now,
    random: Math.random,
    unique,
    listen,
    visible: () => g.document?.visibilityState !== "hidden",
    session: named(() => g.sessionStorage),
    locks: named(() => g.navigator?.locks),
    BroadcastChannel: g.BroadcastChannel as Env["BroadcastChannel"],
    indexedDB: named(() => g.indexedDB),
    extras: () => import("./extras.js"),
  }
}

/** What may be forbidden, and then throws where it is only named. */
function named<T>(name: () => T): T | undefined {
  try {
    return name()
  } catch {
    return undefined
  }
}

/** 128 random bits. (crypto.randomUUID is missing on pages without TLS.) */
function unique(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join("-")
}

function listen(call: (what: Sign) => void): () => void {
  const stop = new AbortController()
  const page = globalThis.document as Document | undefined
  const hear = (e: Event): void => call((e.type === "visibilitychange" ? page!.visibilityState : e.type) as Sign)
  for (const name of ["online", "pageshow", "pagehide"]) globalThis.addEventListener?.(name, hear, stop)
  page?.addEventListener("visibilitychange", hear, stop)
  return () => stop.abort()
}
