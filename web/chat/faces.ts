import { h } from "./dom.js"

/** One or two letters for a name. */
export function initials(name: string): string {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean)
  const letters = words.length > 1 ? [words[0], words[1]].map(w => [...w!][0]).join("") : [...words[0] ?? "?"].slice(0, 2).join("")
  return letters.toUpperCase()
}

/** A user's initials on a muted colour, which is the same everywhere. */
export function face(user: string, name = user, small = false): HTMLElement {
  const node = h("span", { class: small ? "face s" : "face", "aria-hidden": "true" }, small ? initials(name).slice(0, 1) : initials(name))
  node.style.setProperty("--hue", String(hue(user)))
  return node
}

/** FNV-1a, in twelve steps around the circle. */
function hue(user: string): number {
  let sum = 0x811c9dc5
  for (let i = 0; i < user.length; i++) sum = Math.imul(sum ^ user.charCodeAt(i), 0x01000193)
  return (sum >>> 0) % 12 * 30
}
