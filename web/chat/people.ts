import { h, the } from "./dom.js"
import { face } from "./faces.js"
import type { Room } from "./room.js"

/** More than this are counted, not named. */
const most = 200

/** Who is here. `talk` is called with the one that is chosen. */
export function showPeople(room: Room, talk: (user: string) => void): void {
  const all = [...room.people].sort(([, a], [, b]) => a.localeCompare(b))
  the("count").textContent = room.present ? `Here now · ${room.present}` : "Nobody here"
  const lines = all.slice(0, most).map(([user, name]) => h("li", {},
    h("button", { class: "line", title: user === room.me ? "You" : `Write to ${user}`, onclick: () => { if (user !== room.me) talk(user) } },
      face(user, name, true), h("span", { class: "cut" }, name, user === room.me ? h("span", { class: "small" }, " you") : false), h("i", { class: "here" }))))
  const rest = room.present - lines.length
  if (rest > 0) lines.push(h("li", { class: "line small" }, `and ${rest} more`))
  the("users").replaceChildren(...lines)
}

/** Who is typing, in words. */
export function typingWords(room: Room): string {
  const names = [...room.typing.values()].map(t => t.name)
  if (names.length > 3) return "Several people are typing"
  if (!names.length) return ""
  const [last, ...others] = [names.at(-1)!, ...names.slice(0, -1)]
  return others.length ? `${others.join(", ")} and ${last} are typing` : `${last} is typing`
}
