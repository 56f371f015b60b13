import { h, own, the } from "../shared/dom.js"
import { face } from "../shared/faces.js"
import { claims, type Identity } from "./identity.js"
import { whole } from "../shared/times.js"

export interface AccountEvents {
  /** The visitor wants to choose a name. */
  rename(): void
  signOut(): void
  shortcuts(): void
}

/** Shows the visitor in the corner, with a menu: when the token expires, another name, sign out. */
export function showAccount(who: Identity, user: string, name: string, events: AccountEvents): void {
  const button = the("my-name"), menu = the("account")
  button.replaceChildren(own(name || "Guest"))
  button.title = user ? `@${user}` : "Choose a name"
  const mine = face(user || "guest", name || "Guest", true)
  mine.id = "my-face"
  the("my-face").replaceWith(mine)
  const item = (words: string, act: () => void): HTMLElement => h("button", {
    class: "line", onclick: () => {
      menu.hidePopover()
      act()
    },
  }, words)
  const { exp } = claims(who.token)
  menu.replaceChildren(...[
    h("p", { class: "cut" }, h("b", {}, own(name)), h("span", { class: "small" }, ` @${user}`)),
    exp && h("p", { class: "small", id: "expires" }, `Signed in until ${whole(exp)}`),
    !who.token && item("Change name", events.rename),
    item("Keyboard shortcuts", events.shortcuts),
    item("Sign out", events.signOut),
  ].filter(Boolean) as HTMLElement[])
  button.onclick = () => {
    if (!user) return events.rename()
    menu.showPopover()
    menu.querySelector("button")?.focus()
  }
}
