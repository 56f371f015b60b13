import type { Message } from "/parley.js"
import { h, icon, the } from "../shared/dom.js"
import { showPicker } from "./picker.js"

export interface ToolEvents {
  message(id: number): Message | undefined
  react(m: Message, emoji: string): void
  /** Undefined, like thread, where that makes no sense: in a thread. */
  reply?(m: Message): void
  thread?(m: Message): void
  edit(m: Message): void
  remove(m: Message): void
}

/** The tools of the messages in a list. */
export interface Tools {
  /** Called when messages were drawn again, and so have lost them. */
  drawn(): void
  close(): void
}

/** The tools of the message that is pointed at or has the focus. There is one set for a list, which moves. */
export function mountTools(log: HTMLElement, me: string, events: ToolEvents): Tools {
  const picker = the("picker")
  const bar = h("div", { class: "tools", role: "group", "aria-label": "Message actions" })
  let shown: Message | undefined

  const button = (label: string, name: string, act: (m: Message) => void): HTMLElement =>
    h("button", { class: "icon", tabindex: -1, "aria-label": label, title: label, onclick: () => { if (shown) act(shown) } }, icon(name))
  const react = button("React", "smile", m => showPicker(bar, "React with", emoji => events.react(m, emoji)))
  const reply = button("Reply", "reply", m => events.reply?.(m))
  const thread = button("Open thread", "thread", m => events.thread?.(m))
  const edit = button("Edit", "edit", m => events.edit(m))
  const remove = button("Delete", "trash", () => {
    remove.replaceWith(sure)
    sure.focus()
  })
  const sure = h("button", { class: "push", tabindex: -1, onclick: () => { if (shown) events.remove(shown) }, onblur: () => sure.isConnected && sure.replaceWith(remove) }, "Delete")

  const show = (target: EventTarget | null): void => {
    const node = target instanceof Element ? target.closest<HTMLElement>(".msg[data-id]") : undefined
    if (!node || node.contains(bar)) return
    const m = events.message(Number(node.dataset.id))
    shown = m?.deleted ? undefined : m
    if (!shown) return bar.remove()
    if (!me && !events.thread) return bar.remove()
    bar.replaceChildren(...!me ? [thread] : [react, ...events.reply ? [reply] : [], ...events.thread ? [thread] : [], ...shown.user === me ? [edit, remove] : []])
    node.append(bar)
  }
  const over = (e: PointerEvent): void => {
    if (e.pointerType === "touch") return // a finger shows them by its click, or they would be under it
    if (!bar.contains(document.activeElement) && !picker.matches(":popover-open")) show(e.target)
  }
  const focus = (e: Event): void => show(e.target)
  // A finger that lifts leaves the list before its click arrives: with touch only a tap elsewhere puts the tools away.
  const away = (e: PointerEvent): void => {
    if (e.type === "pointerleave" ? e.pointerType === "touch" : e.composedPath().some(n => n === log || n === picker)) return
    if (!bar.contains(document.activeElement) && !picker.matches(":popover-open")) bar.remove()
  }
  const off = new AbortController()
  log.addEventListener("pointerover", over, off)
  log.addEventListener("click", focus, off)
  log.addEventListener("focusin", focus, off)
  log.addEventListener("pointerleave", away, off)
  document.addEventListener("pointerdown", away, off)
  return {
    drawn: () => {
      if (!shown || bar.isConnected) return
      const node = log.querySelector<HTMLElement>(`.msg[data-id="${shown.id}"]`)
      if (node?.matches(":hover")) show(node)
    },
    close: () => {
      off.abort()
      bar.remove()
    },
  }
}
