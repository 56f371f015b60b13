import { the } from "../shared/dom.js"
import { showAccount } from "./account.js"
import { forgetDrafts } from "./drafts.js"
import { claims, forget, forgetToken, known, linked, named, remember, type Identity } from "./identity.js"
import late from "./late.css"
import { mountPage } from "./page.js"
import { Session } from "./session.js"
import { mountShortcuts, showShortcuts } from "./shortcuts.js"
import { hideWelcome, showWelcome, whyRefused } from "./welcome.js"

const styles = new CSSStyleSheet()
styles.replaceSync(late)
document.adoptedStyleSheets.push(styles)

const page = mountPage()
mountShortcuts()
const form = the<HTMLFormElement>("identity"), input = the<HTMLInputElement>("name"), composer = the("composer")
let session: Session | undefined
let asksToken = false

/** Begins as somebody; who was here before is gone. */
function begin(who: Identity): void {
  session?.close()
  hideWelcome()
  asksToken = false
  ask(false)
  const now = session = new Session(who, {
    unauthorized: () => { if (session === now) outside(whyRefused(who.token)) },
    admitted: () => {
      if (session !== now || !input.disabled) return
      input.disabled = false
      if (document.activeElement === document.body) takeFocus()
    },
    nameless: () => rename(),
    moved: () => page.closeDrawers(),
  })
  showAccount(who, now.me, who.token ? claims(who.token).name ?? now.me : who.name ?? now.me, {
    rename,
    signOut: () => {
      now.signOut()
      forgetDrafts(now.me)
      forget()
      if (who.token) outside("You are signed out.")
      else begin({})
    },
    shortcuts: showShortcuts,
  })
  if (who.user || who.token) return
  ask(true)
  input.disabled = true // until it is clear that the server does not ask for a token, which must not get there
}

/** Ends the visit and asks for a token. */
function outside(why: string): void {
  session?.close()
  forgetToken()
  page.closeDrawers()
  asksToken = true
  ask(true)
  showWelcome(form, why)
  takeFocus()
}

/** Asks for another name in place of the composer. */
function rename(): void {
  page.closeDrawers()
  ask(true)
  input.focus()
  input.select()
}

/** Shows the line for the name in place of the composer, or the one for the token. */
function ask(on: boolean): void {
  if (!asksToken) the("box").append(form)
  form.hidden = !on
  composer.hidden = on
  const words = asksToken ? "Enter your access token" : "Choose a name"
  input.type = asksToken ? "password" : "text"
  input.maxLength = asksToken ? 8192 : 128
  input.setAttribute("autocomplete", asksToken ? "off" : "nickname")
  input.placeholder = words
  input.setAttribute("aria-label", words)
  input.setCustomValidity("")
  input.disabled = false
  input.value = on && !asksToken ? session?.name ?? "" : ""
  form.querySelector("button")!.textContent = asksToken ? "Sign in" : "Continue"
}

input.oninput = () => input.setCustomValidity("")
form.onsubmit = e => {
  e.preventDefault()
  const value = input.value.trim()
  const who: Identity | undefined = !asksToken ? named(value) : value ? { token: value } : undefined
  if (!who) {
    input.setCustomValidity(asksToken ? "Enter your access token" : value ? "A name needs a letter or a digit" : "Enter a name")
    return void input.reportValidity()
  }
  remember(who)
  begin(who)
  session!.focus()
}
form.onkeydown = e => {
  if (e.key === "Escape" && session?.me && !asksToken) ask(false)
}
addEventListener("hashchange", () => {
  const token = linked()
  if (token) begin({ token })
})

/** Whoever comes may type at once; on a touch screen no keyboard opens unasked. */
function takeFocus(): void {
  if (matchMedia("(hover: hover)").matches) (form.hidden ? session! : input).focus()
}

begin(known())
takeFocus()
