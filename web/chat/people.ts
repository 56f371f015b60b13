import { h, own, the } from "../shared/dom.js"
import { face } from "../shared/faces.js"
import type { Room } from "./room.js"

/** More than this of a kind are counted, not named. */
const most = 200

/** Who is here, and which members are away. `talk` is called with the one that is chosen. */
export function showPeople(room: Room, talk: (user: string) => void): void {
  const names = room.known
  const sorted = (users: Iterable<string>): [string, string][] =>
    [...users].map(user => [user, names.get(user) ?? user] as [string, string]).sort(([, a], [, b]) => a.localeCompare(b))
  const line = ([user, name]: [string, string], here: boolean): HTMLElement => h("li", {},
    h("button", { class: here ? "line" : "line away", title: user === room.me ? "You" : `Message ${user}`, onclick: () => { if (user !== room.me) talk(user) } },
      face(user, name, true), h("span", { class: "cut" }, own(name), user === room.me ? h("span", { class: "small" }, " you") : false),
      here ? h("i", { class: "here" }) : h("span", { class: "small" }, "away")))
  const list = (all: [string, string][], count: number, here: boolean): HTMLElement[] => {
    const lines = all.slice(0, most).map(one => line(one, here))
    if (count > lines.length) lines.push(h("li", { class: "line small" }, `and ${count - lines.length} more`))
    return lines
  }
  const { present = 0 } = room
  const away = sorted([...room.members].filter(user => !room.people.has(user)))
  const certain = room.present !== undefined && room.people.size >= present // else who is not named may be here
  the("count").textContent = room.present === undefined ? "People" : present ? `Here now · ${present}` : "Nobody here"
  the("users").replaceChildren(...list(sorted(room.people.keys()), present, true))
  the("absent").hidden = !away.length || !certain
  the("away-count").textContent = room.allMembers ? `Away · ${away.length}` : "Away (partial list)"
  the("away").replaceChildren(...certain ? list(away, away.length, false) : [])
}

/** Who is typing, in words. */
export function typingWords(room: Room): (string | Node)[] {
  const names = [...room.typing.values()].map(t => own(t.name))
  if (names.length > 3) return ["Several people are typing"]
  const last = names.pop()
  if (!last) return []
  return names.length ? [...names.flatMap((name, i) => [i ? ", " : "", name]), " and ", last, " are typing"] : [last, " is typing"]
}
