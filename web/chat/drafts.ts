import { keep, kept } from "../shared/kept.js"

/** How many of a user are kept, the newest, and how long one may be. */
const most = 50, longest = 65_536

/** What a user has begun to write somewhere, and not sent: a channel, or a channel and the root of a thread. It survives a reload. */
export function draftOf(user: string, where: string): string {
  return all(user).get(where) ?? ""
}

/** Keeps a draft; "" forgets it. A guest has none. */
export function keepDraft(user: string, where: string, text: string): void {
  const drafts = all(user)
  if (!user || (drafts.get(where) ?? "") === text) return
  drafts.delete(where) // the newest is the last
  if (text) drafts.set(where, text.slice(0, longest))
  keep(key(user), drafts.size ? JSON.stringify([...drafts].slice(-most)) : undefined)
}

/** Forgets all drafts of a user. */
export function forgetDrafts(user: string): void {
  keep(key(user), undefined)
}

function key(user: string): string {
  return `parley-drafts ${user}`
}

function all(user: string): Map<string, string> {
  try {
    return new Map(JSON.parse(kept(key(user)) ?? "[]") as [string, string][])
  } catch {
    return new Map()
  }
}
