import type { Client } from "/parley.js"
import { keep, kept } from "../shared/kept.js"

const key = "parley-device"

/** What the service worker asks or says. */
type Told = { shows: string } | { open?: string }

export interface PushEvents {
  /** The channel that is shown. */
  shown(): string | undefined
  open(channel: string): void
}

/** Notifications that arrive while no page is open: what the server pushes to this browser, and the service worker shows. */
export class Push {
  /** The server pushes to this browser. */
  on = false
  readonly #client: Client
  readonly #life = new AbortController()
  static #work: Promise<unknown> = Promise.resolve() // of all visitors one after the other: there is one subscription

  constructor(client: Client, { shown, open }: PushEvents) {
    this.#client = client
    const { serviceWorker } = navigator as Partial<Navigator> // absent without TLS
    serviceWorker?.addEventListener("message", ({ data, ports }: MessageEvent<Told>) => {
      if ("shows" in data) ports[0]?.postMessage(data.shows === shown())
      else if (data.open) open(data.open)
    }, { signal: this.#life.signal })
    serviceWorker?.startMessages()
  }

  /** Subscribes this browser, or registers what it has subscribed again. Does nothing where the browser or the server has no Web Push. */
  subscribe(): Promise<void> {
    return this.#next(async () => { this.on = await this.#subscribe() })
  }

  /** Ends what subscribe began. */
  unsubscribe(): Promise<void> {
    return this.#next(() => this.#end(() => this.#client.request("DELETE", this.#path)))
  }

  /** The same for who signs out: the server is asked at once, since the client is closed next. */
  leave(): void {
    const gone = this.#client.request("DELETE", this.#path)
    for (const done of [gone, this.#next(() => this.#end(() => gone))]) done.catch(() => {}) // then the server learns it from the browser's push service
  }

  /** Takes back the notifications of channels in which nothing is unread. */
  async tidy(unread: (channel: string) => boolean): Promise<void> {
    if (!this.on) return
    for (const note of await (await registered())?.getNotifications() ?? []) {
      const { channel } = (note.data ?? {}) as { channel?: string }
      if (channel && !unread(channel)) note.close()
    }
  }

  close(): void {
    this.#life.abort()
  }

  /** The browser as one of the user's devices, by a name that it keeps. */
  get #path(): string {
    const id = kept(key) ?? Array.from(crypto.getRandomValues(new Uint8Array(8)), b => b.toString(16).padStart(2, "0")).join("")
    keep(key, id)
    return `/api/devices/browser-${id}`
  }

  async #subscribe(): Promise<boolean> {
    if (!("PushManager" in window) || !("serviceWorker" in navigator)) return false
    let applicationServerKey: string
    try {
      applicationServerKey = (await this.#client.request("GET", "/api/push/public-key") as { key: string }).key
    } catch (e) {
      if ((e as { code?: string }).code === "not_found") return false
      throw e
    }
    const { pushManager } = await navigator.serviceWorker.register("/sw.js").then(() => navigator.serviceWorker.ready)
    const subscribe = (): Promise<PushSubscription> => pushManager.subscribe({ userVisibleOnly: true, applicationServerKey })
    const subscription = await subscribe().catch(async e => {
      const other = await pushManager.getSubscription() // with a key that the server had before
      if (!await other?.unsubscribe()) throw e
      return subscribe()
    })
    if (this.#life.signal.aborted) return false
    await this.#client.request("PUT", this.#path, { platform: "webpush", subscription: subscription.toJSON() })
    return true
  }

  async #end(remove: () => Promise<unknown>): Promise<void> {
    this.on = false
    const unsubscribe = async (): Promise<void> => void await (await (await registered())?.pushManager.getSubscription())?.unsubscribe()
    await Promise.all([remove(), unsubscribe()])
  }

  #next(work: () => Promise<void>): Promise<void> {
    const done = Push.#work.then(work, work)
    Push.#work = done.catch(() => {})
    return done
  }
}

/** The service worker's registration, if the page has one. */
async function registered(): Promise<ServiceWorkerRegistration | undefined> {
  return "serviceWorker" in navigator ? navigator.serviceWorker.getRegistration("/") : undefined
}
