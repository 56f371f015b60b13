import { keep } from "./kept.js"

const themes = ["", "light", "dark"] as const
const words = { "": "Theme: system", light: "Theme: light", dark: "Theme: dark" }

/** A button that goes through the color themes. A page applies what is kept (`parley-theme`) before it is drawn. */
export function mountTheme(button: HTMLElement): void {
  const root = document.documentElement
  const say = (): void => {
    const now = words[(root.dataset.theme ?? "") as ""]
    button.setAttribute("aria-label", now)
    button.title = now
  }
  button.onclick = () => {
    const next = themes[(themes.indexOf((root.dataset.theme ?? "") as "") + 1) % themes.length]!
    root.dataset.theme = next
    keep("parley-theme", next)
    say()
  }
  say()
}
