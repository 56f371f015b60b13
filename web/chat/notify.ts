import type { InboxEntry } from "/parley.js"
import { label } from "./channels.js"
import { the } from "../shared/dom.js"
import { keep, kept } from "../shared/kept.js"
import type { Push } from "./push.js"
import { isolated, oneLine } from "../shared/words.js"

const key = "parley-notify"

export interface NotifyEvents {
  open(channel: string): void
  /** The server knows when nobody looks at this page, and pushes then. */
  pushes(): boolean
  /** The bell was pressed, and that did not work. */
  failed(e: Error): void
}

/**
 * Tells of mentions and direct messages while nobody looks, if the visitor has asked for it with a click; and of what
 * the server pushes, where it has Web Push, also while no page is open.
 */
export class Notify {
  readonly #bell = the<HTMLButtonElement>("bell")
  readonly #me: string
  readonly #push: Push
  readonly #events: NotifyEvents
  #on = false

  constructor(me: string, push: Push, events: NotifyEvents) {
    this.#me = me
    this.#push = push
    this.#events = events
    this.#bell.hidden = !("Notification" in window) || !me
    this.#on = !this.#bell.hidden && Notification.permission === "granted" && kept(key) === "yes"
    this.#bell.onclick = () => void this.#toggle()
    if (this.#on) push.subscribe().catch(() => {}).then(() => this.#show()) // the browser may have renewed its subscription
    this.#show()
  }

  tell({ channel, title, last_message: last }: InboxEntry): void {
    if (!this.#on || !last || last.user === this.#me) return
    if (this.#push.on && document.visibilityState === "hidden" && this.#events.pushes()) return
    try {
      const note = new Notification(isolated(label(channel, title, this.#me)), { body: `${isolated(last.name ?? last.user)}: ${isolated(oneLine(last.text ?? "data"))}`, tag: channel })
      note.onclick = () => {
        window.focus()
        this.#events.open(channel)
        note.close()
      }
    } catch { // phones want a service worker for that
      this.#bell.hidden = !this.#push.on
    }
  }

  /** Notifies no more: the visitor leaves, and the next one may be another. */
  signOut(): void {
    if (!this.#on) return
    keep(key, "no")
    this.#push.leave()
  }

  async #toggle(): Promise<void> {
    this.#on = !this.#on && (await Notification.requestPermission()) === "granted"
    keep(key, this.#on ? "yes" : "no")
    this.#show()
    try {
      await (this.#on ? this.#push.subscribe() : this.#push.unsubscribe())
    } catch (e) {
      this.#events.failed(e as Error)
    }
    this.#show()
  }

  #show(): void {
    const refused = !this.#bell.hidden && Notification.permission === "denied"
    this.#bell.setAttribute("aria-pressed", String(this.#on))
    this.#bell.title = refused ? "Notifications are blocked in your browser" : !this.#on ? "Notify me of mentions and direct messages"
      : this.#push.on ? "You are notified of new messages, also when parley is closed" : "You are notified of mentions and direct messages"
  }
}
