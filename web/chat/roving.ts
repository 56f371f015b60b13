/** What one message has that can be pressed, first its tools. */
const controls = ".tools button, a[href], summary, button:not(.tools button), pre[tabindex]"

export interface RovingEvents {
  /** Something is typed, which belongs into the composer, or the visitor goes down from the last message. */
  write(): void
  /** Escape was pressed on a message. */
  leave(): void
}

/**
 * Makes a list of messages one stop of the Tab key: the message that had the focus last, or the last visible
 * one. Up and Down go from message to message, Enter to the actions of one, among which Left and Right
 * go around, and Escape back; what is typed goes to the composer. `signal` ends it.
 */
export function mountRoving(log: HTMLElement, events: RovingEvents, signal: AbortSignal): void {
  let last: HTMLElement | undefined // the message that had the focus
  let pointed = false // a pointer brought the focus
  const message = (target: EventTarget | null): HTMLElement | undefined => (target as Element | null)?.closest<HTMLElement>(".msg") ?? undefined
  const all = (): HTMLElement[] => [...log.querySelectorAll<HTMLElement>(".msg")]

  /** Where the focus belongs that the list itself has. */
  const place = (): HTMLElement | undefined => {
    const known = last?.isConnected ? last : all().find(n => last && n.dataset.id && n.dataset.id === last.dataset.id)
    if (known) return known
    const bottom = log.getBoundingClientRect().bottom
    return all().findLast(n => n.getBoundingClientRect().top < bottom)
  }
  const go = (node: HTMLElement): void => {
    node.focus({ preventScroll: true })
    node.scrollIntoView({ block: "nearest" })
  }

  log.addEventListener("pointerdown", () => { pointed = true }, { signal })
  log.addEventListener("focusin", e => {
    const byPointer = pointed
    pointed = false
    const at = message(e.target)
    if (!at) {
      if (!byPointer) queueMicrotask(() => { if (document.activeElement === log) place()?.focus({ preventScroll: true }) }) // the list may be in the middle of drawing
      return
    }
    if (last && last !== at) last.tabIndex = -1
    last = at
    at.tabIndex = 0
    log.tabIndex = -1
  }, { signal })
  log.addEventListener("focusout", e => {
    if (log.contains(e.relatedTarget as Node | null)) return
    log.tabIndex = 0
    if (last) last.tabIndex = -1
  }, { signal })

  log.addEventListener("keydown", e => {
    const at = message(e.target)
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return
    const within = at && e.target !== at
    switch (e.key) {
      case "ArrowUp":
      case "ArrowDown": {
        if ((e.target as Element).matches("pre")) return // which scrolls
        const nodes = all()
        const next = at ? nodes.indexOf(at) + (e.key === "ArrowUp" ? -1 : 1) : nodes.length - 1
        e.preventDefault()
        if (next >= nodes.length) events.write()
        else if (nodes[next]) go(nodes[next])
        return
      }
      case "Enter":
        if (!at || within) return
        e.preventDefault()
        at.querySelector<HTMLElement>(controls.split(",")[0]!)?.focus()
        if (document.activeElement === at) at.querySelector<HTMLElement>(controls)?.focus()
        return
      case "ArrowLeft":
      case "ArrowRight": {
        if (!within) return
        const tools = [...at.querySelectorAll<HTMLElement>(".tools button")]
        const ring = [...tools, ...[...at.querySelectorAll<HTMLElement>(controls)].filter(n => !tools.includes(n))]
        const step = e.key === "ArrowRight" ? 1 : -1
        e.preventDefault()
        ring[(ring.indexOf(e.target as HTMLElement) + step + ring.length) % ring.length]?.focus()
        return
      }
      case "Escape":
        if (within) at.focus({ preventScroll: true })
        else events.leave()
        e.preventDefault()
        return
      default:
        if (e.key.length === 1 && !" ?/".includes(e.key)) events.write() // the key itself arrives there
    }
  }, { signal })
}

/** Takes what is in a message out of the order of the Tab key. */
export function untabbed(node: HTMLElement): HTMLElement {
  for (const inner of node.querySelectorAll<HTMLElement>(controls)) inner.tabIndex = -1
  return node
}
