import { the } from "../shared/dom.js"
import { face } from "../shared/faces.js"
import { forgetToken, known, remember, validUser, type Identity } from "./identity.js"
import { mountPage } from "./page.js"
import { Session } from "./session.js"

const page = mountPage()
const form = the<HTMLFormElement>("identity"), input = the<HTMLInputElement>("name"), composer = the("composer")
let session: Session
let asksToken = false

/** Begins as somebody; who was here before is gone. */
function begin(who: Identity): void {
  session?.close()
  asksToken = false
  ask(false)
  session = new Session(who, {
    unauthorized: () => {
      forgetToken()
      asksToken = true
      ask(true)
    },
    moved: () => page.closeDrawers(),
  })
  const name = session.me || "Guest"
  the("my-name").textContent = name
  const mine = face(session.me || "guest", name, true)
  mine.id = "my-face"
  the("my-face").replaceWith(mine)
  if (!who.user && !who.token) ask(true)
}

/** Shows the line for the name, or the token, in place of the composer. */
function ask(on: boolean): void {
  form.hidden = !on
  composer.hidden = on
  const words = asksToken ? "Enter your access token" : "Choose a user name"
  input.type = asksToken ? "password" : "text"
  input.maxLength = asksToken ? 8192 : 128
  input.placeholder = words
  input.setAttribute("aria-label", words)
  input.setCustomValidity("")
  input.value = on && !asksToken ? session?.me ?? "" : ""
}

input.oninput = () => input.setCustomValidity("")
form.onsubmit = e => {
  e.preventDefault()
  const value = input.value.trim()
  if (!asksToken && !validUser(value)) {
    input.setCustomValidity(value ? "Letters, digits and . _ - : @" : "Enter a user name")
    return void input.reportValidity()
  }
  const who: Identity = asksToken ? { token: value } : { user: value }
  remember(who)
  begin(who)
  session.focus()
}
form.onkeydown = e => {
  if (e.key === "Escape" && session.me) ask(false)
}
the("my-name").onclick = () => {
  if (session.usesToken) return
  page.closeDrawers()
  ask(true)
  input.focus()
  input.select()
}

/** Whoever comes may type at once; on a touch screen no keyboard opens unasked. */
function takeFocus(): void {
  if (matchMedia("(hover: hover)").matches) (form.hidden ? session : input).focus()
}

begin(known())
takeFocus()
