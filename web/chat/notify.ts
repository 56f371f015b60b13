import type { InboxEntry } from "/parley.js"
import { label } from "./channels.js"
import { the } from "../shared/dom.js"
import { keep, kept } from "../shared/kept.js"
import { isolated, oneLine } from "../shared/words.js"

const key = "parley-notify"

/** Tells of mentions and direct messages while nobody looks, if the visitor has asked for it with a click. */
export class Notify {
  readonly #bell = the<HTMLButtonElement>("bell")
  readonly #me: string
  readonly #open: (channel: string) => void
  #on = false

  constructor(me: string, open: (channel: string) => void) {
    this.#me = me
    this.#open = open
    this.#bell.hidden = !("Notification" in window) || !me
    this.#on = !this.#bell.hidden && Notification.permission === "granted" && kept(key) !== "no"
    this.#bell.onclick = async () => {
      this.#on = !this.#on && (await Notification.requestPermission()) === "granted"
      keep(key, this.#on ? "yes" : "no")
      this.#show()
    }
    this.#show()
  }

  tell({ channel, title, last_message: last }: InboxEntry): void {
    if (!this.#on || !last || last.user === this.#me) return
    try {
      const note = new Notification(isolated(label(channel, title, this.#me)), { body: `${isolated(last.name ?? last.user)}: ${isolated(oneLine(last.text ?? "data"))}`, tag: channel })
      note.onclick = () => {
        window.focus()
        this.#open(channel)
        note.close()
      }
    } catch { // phones want a service worker for that
      this.#bell.hidden = true
    }
  }

  #show(): void {
    const refused = !this.#bell.hidden && Notification.permission === "denied"
    this.#bell.setAttribute("aria-pressed", String(this.#on))
    this.#bell.title = refused ? "Notifications are blocked in your browser" : this.#on ? "You are notified of mentions and direct messages" : "Notify me of mentions and direct messages"
  }
}
