import { h, the } from "../shared/dom.js"
import { claims } from "./identity.js"
import { whole } from "../shared/times.js"

/** The first screen on a server that requires a token: what this is, where a token comes from, and one field. `why`: what happened before. */
export function showWelcome(form: HTMLElement, why: string): void {
  the("welcome").replaceChildren(h("div", {},
    h("h1", {}, "Sign in to parley"),
    why && h("p", { class: "why", role: "alert" }, why),
    h("p", {}, "On this server people and programs write to each other in channels. Enter your access token to join them."),
    form,
    h("h2", {}, "I do not have a token"),
    h("p", {}, "Ask the people who run this server. They can send you a token, or a link that signs you in. On the server, this command makes such a link:"),
    h("pre", { class: "data" }, `parley token --user YOU --for 12h --link ${location.origin}`)))
  the("welcome").hidden = false
  document.body.classList.add("outside")
}

/** Takes the first screen away. */
export function hideWelcome(): void {
  the("welcome").hidden = true
  document.body.classList.remove("outside")
}

/** Why a token lets nobody in, in plain words. */
export function whyRefused(token: string | undefined, now = Date.now()): string {
  if (!token) return ""
  const { exp = Infinity } = claims(token)
  return exp * 1000 <= now ? `Your access token expired: ${whole(exp)}.`
    : "The server refused this access token. It may have been revoked, or be for another server."
}
