import { keep, kept } from "../shared/kept.js"
import { hash, validName } from "../shared/names.js"
import { plain } from "../shared/words.js"

/** The visitor: in development a user and what people read for them, on a server that requires one a token. */
export type Identity = { user?: string; name?: string; token?: undefined } | { token: string; user?: undefined; name?: undefined }

/** What a token says of itself, unverified. */
export interface Claims { sub?: string; name?: string; exp?: number; channels?: string[] }

const nameKey = "parley-name", tokenKey = "parley-token"

/** A link with a token wins, then a token of this tab, then the name in the address, then the one that was given last. */
export function known(): Identity {
  const token = linked() || kept(tokenKey, "sessionStorage")
  if (token) return { token }
  const user = new URLSearchParams(location.search).get("user")
  if (user) return validUser(user) ? { user } : {}
  return named(kept(nameKey) ?? "") ?? {}
}

/** The token of a link (`#token=…`), which is taken out of the address, so that nobody who sees or copies that has it. */
export function linked(): string | undefined {
  const [, token] = /^#token=(.+)$/.exec(location.hash) ?? []
  if (!token) return
  const url = new URL(location.href)
  url.hash = ""
  history.replaceState(history.state, "", url)
  keep(tokenKey, token, "sessionStorage")
  return token
}

/** Reports whether a user can have the name. */
export function validUser(name: string): boolean {
  return validName(name) && name !== "channel" && name !== "guest"
}

/**
 * The user for a name that people read, which may have spaces and accents: "Zoë Ray" is zoe-ray. Letters
 * that have no counterpart in a user are replaced by a hash of the name. Undefined if it has no letter or digit.
 */
export function named(text: string): { user: string; name?: string } | undefined {
  const name = plain(text).replace(/\s+/g, " ").trim()
  if (validUser(name)) return { user: name }
  const bare = name.normalize("NFKD").replace(/\p{M}/gu, "")
  if (!/[\p{L}\p{N}]/u.test(bare)) return undefined
  const user = bare.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-|-$/g, "").toLowerCase().slice(0, 100)
  const lossy = /[^A-Za-z0-9]/.test(bare.replace(/[^\p{L}\p{N}]/gu, "")) || !validUser(user)
  return { user: lossy ? `${user || "user"}-${hash(name).toString(36)}` : user, name }
}

/** Remembers a name for later visits, a token for as long as the tab lives. */
export function remember({ user, name, token }: Identity): void {
  if (token) keep(tokenKey, token, "sessionStorage")
  if (!user) return
  keep(nameKey, name ?? user)
  unname() // or it would win over the new one
}

/** Forgets the token of this tab. */
export function forgetToken(): void {
  keep(tokenKey, undefined, "sessionStorage")
}

/** Forgets the visitor. */
export function forget(): void {
  forgetToken()
  keep(nameKey, undefined)
  unname()
}

/** What a token says of itself; nothing if it cannot be read. */
export function claims(token: string | undefined): Claims {
  try {
    const bytes = Uint8Array.from(atob(token!.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/")), c => c.charCodeAt(0))
    return JSON.parse(new TextDecoder().decode(bytes)) as Claims
  } catch {
    return {}
  }
}

/** Reports whether a token says that it administers a channel. */
export function administers(token: string | undefined, channel: string): boolean {
  return (claims(token).channels ?? []).some(grant => {
    const [pattern = "", rights = ""] = grant.split("=")
    return rights.includes("a") && (pattern.endsWith("*") ? channel.startsWith(pattern.slice(0, -1)) : pattern === channel)
  })
}

function unname(): void {
  const url = new URL(location.href)
  if (!url.searchParams.has("user")) return
  url.searchParams.delete("user")
  history.replaceState(history.state, "", url)
}
