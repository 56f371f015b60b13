import { h } from "./dom.js"
import { initials } from "./words.js"

/** A user's initials on a muted colour, which is the same everywhere. */
export function face(user: string, name = user, small = false): HTMLElement {
  const node = h("span", { class: small ? "face s" : "face", "aria-hidden": "true" }, h("bdi", {}, initials(name, small ? 1 : 2)))
  node.style.setProperty("--hue", String(hue(user)))
  return node
}

/** FNV-1a, in twelve steps around the circle. */
function hue(user: string): number {
  let sum = 0x811c9dc5
  for (let i = 0; i < user.length; i++) sum = Math.imul(sum ^ user.charCodeAt(i), 0x01000193)
  return (sum >>> 0) % 12 * 30
}
