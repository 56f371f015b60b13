import { h } from "./dom.js"
import { hash } from "./names.js"
import { initials } from "./words.js"

/** A user's initials on one of twelve muted colors, which is the same everywhere. */
export function face(user: string, name = user, small = false): HTMLElement {
  const node = h("span", { class: small ? "face s" : "face", "aria-hidden": "true" }, h("bdi", {}, initials(name, small ? 1 : 2)))
  node.style.setProperty("--hue", String(hash(user) % 12 * 30))
  return node
}
