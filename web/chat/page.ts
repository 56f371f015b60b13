import { the } from "../shared/dom.js"
import { mountTheme } from "../shared/theme.js"

/** What belongs to the page and to no channel: colors, the drawers of small screens. */
export function mountPage(): { closeDrawers(): void } {
  mountTheme(the("theme"))
  const drawers = [{ button: the("menu"), drawer: "nav", pane: the("list") }, { button: the("who"), drawer: "who", pane: the("people") }]
  const set = (drawer: string, open: boolean): void => {
    document.body.classList.toggle(drawer, open)
    for (const d of drawers) if (d.drawer === drawer) d.button.setAttribute("aria-expanded", String(open))
  }
  const closeDrawers = (): void => { for (const { drawer } of drawers) set(drawer, false) }
  for (const { button, drawer, pane } of drawers) button.onclick = e => {
    e.stopPropagation()
    const open = !document.body.classList.contains(drawer)
    closeDrawers()
    set(drawer, open)
    if (open) pane.querySelector<HTMLElement>("button")?.focus()
  }
  document.addEventListener("pointerdown", e => {
    const target = e.target as Element
    if (!drawers.some(d => d.pane.contains(target) || d.button.contains(target))) closeDrawers()
  })
  document.addEventListener("keydown", e => {
    if (e.key !== "Escape") return
    for (const { drawer, button } of drawers) if (document.body.classList.contains(drawer)) {
      set(drawer, false)
      button.focus()
    }
  })
  return { closeDrawers }
}
