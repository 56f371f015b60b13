import type { InboxEntry } from "/parley.js"
import { label } from "./channels.js"
import { the } from "./dom.js"
import { oneLine } from "./message.js"

/** Tells of mentions while nobody looks, if the visitor has asked for it with a click. */
export class Notify {
  readonly #bell = the<HTMLButtonElement>("bell")
  readonly #me: string
  readonly #open: (channel: string) => void
  #on = false

  constructor(me: string, open: (channel: string) => void) {
    this.#me = me
    this.#open = open
    this.#bell.hidden = !("Notification" in window) || !me
    this.#on = !this.#bell.hidden && Notification.permission === "granted"
    this.#bell.onclick = async () => {
      this.#on = !this.#on && (await Notification.requestPermission()) === "granted"
      this.#show()
    }
    this.#show()
  }

  tell({ channel, title, last_message: last }: InboxEntry): void {
    if (!this.#on || !last || last.user === this.#me) return
    const note = new Notification(label(channel, title, this.#me), { body: `${last.name ?? last.user}: ${oneLine(last.text ?? "")}`, tag: channel })
    note.onclick = () => {
      window.focus()
      this.#open(channel)
      note.close()
    }
  }

  #show(): void {
    const refused = !this.#bell.hidden && Notification.permission === "denied"
    this.#bell.setAttribute("aria-pressed", String(this.#on))
    this.#bell.title = refused ? "Your browser does not let this page notify you" : this.#on ? "You are notified of mentions" : "Notify me of mentions"
  }
}
