import { keep, kept } from "../shared/kept.js"
import { validName } from "../shared/names.js"

/** Who the visitor is: in development a name, on a server that asks for one a token. */
export type Identity = { user?: string; token?: undefined } | { token: string; user?: undefined }

const nameKey = "parley-name", tokenKey = "parley-token"

/** A link with a token wins, then a token of this tab, then the name in the address, then the one that was given last. */
export function known(): Identity {
  const asked = new URLSearchParams(location.search).get("user")
  const token = linked() || kept(tokenKey, "sessionStorage")
  if (token) return { token }
  const user = asked || kept(nameKey)
  return user && validUser(user) ? { user } : {}
}

/** The token of a link (`#token=…`), which is taken out of the address, so that nobody who sees or copies that has it. */
function linked(): string | undefined {
  const [, token] = /^#token=(.+)$/.exec(location.hash) ?? []
  if (!token) return
  const url = new URL(location.href)
  url.hash = ""
  history.replaceState(history.state, "", url)
  keep(tokenKey, token, "sessionStorage")
  return token
}

/** Whether a user can have the name. */
export function validUser(name: string): boolean {
  return validName(name) && name !== "channel"
}

/** Remembers a name for later visits, a token for as long as the tab lives. */
export function remember({ user, token }: Identity): void {
  if (user) keep(nameKey, user)
  if (token) keep(tokenKey, token, "sessionStorage")
  if (!user) return
  const url = new URL(location.href)
  url.searchParams.delete("user") // it would win over the new one
  history.replaceState(history.state, "", url)
}

export function forgetToken(): void {
  keep(tokenKey, undefined, "sessionStorage")
}
