import { plain } from "./words.js"

type Child = Node | string | false | null | undefined

/** What an element gets: attributes, and listeners under `onclick` and the like. */
type Props = Record<string, string | number | boolean | undefined | ((e: never) => void)>

/** Makes an element. Strings become text, never markup. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value as EventListener)
    else if (value === true) node.setAttribute(name, "")
    else if (value !== undefined && value !== false) node.setAttribute(name, String(value))
  }
  node.append(...children.filter(c => c || c === "") as (Node | string)[])
  return node
}

/** What another user wrote, a name or one line, among other words: its direction is its own. */
export function own(text: string): HTMLElement {
  return h("bdi", {}, plain(text))
}

/** Puts words in place of what an element has, unless it says that already. */
export function put(node: HTMLElement, ...words: (string | Node)[]): void {
  const text = words.map(w => typeof w === "string" ? w : w.textContent).join("")
  if (node.textContent !== text) node.replaceChildren(...words)
}

/** An element of the page by its id. */
export function the<T extends HTMLElement = HTMLElement>(id: string): T {
  return document.getElementById(id) as T
}

/** One of the symbols that stand in the page. */
export function icon(name: string): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg"
  const svg = document.createElementNS(space, "svg")
  const use = document.createElementNS(space, "use")
  use.setAttribute("href", `#i-${name}`)
  svg.append(use)
  svg.setAttribute("aria-hidden", "true")
  return svg
}

/** A round of work before the next picture, however often it is asked for. */
export function soon(work: () => void): () => void {
  let due = false
  return () => {
    if (due) return
    due = true
    const run = (): void => {
      if (!due) return
      due = false
      work()
    }
    requestAnimationFrame(run)
    setTimeout(run, 100) // hidden pages draw nothing, but their title and their notifications go on
  }
}

/** Whether somebody looks at the page. */
export function looking(): boolean {
  return document.visibilityState === "visible" && document.hasFocus()
}
