import { keep, kept } from "../shared/kept.js"
import { validName } from "../shared/names.js"

/** Who the visitor is: in development a name, on a server that asks for one a token. */
export type Identity = { user?: string; token?: undefined } | { token: string; user?: undefined }

const nameKey = "parley-name", tokenKey = "parley-token"

/** The address wins, then a token of this tab, then the name that was given last. */
export function known(): Identity {
  const asked = new URLSearchParams(location.search).get("user")
  const token = kept(tokenKey, "sessionStorage")
  if (token) return { token }
  const user = asked || kept(nameKey)
  return user && validUser(user) ? { user } : {}
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
