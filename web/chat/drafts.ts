import { keep, kept } from "../shared/kept.js"

/** How many of a user are kept, the newest, and how long one may be. */
const most = 50, longest = 65_536

/** What a user has begun to write somewhere, and not sent: a channel, or a channel and the root of a thread. It survives a reload. */
export function draftOf(user: string, where: string): string {
  return all(user)[where] ?? ""
}

/** Keeps a draft; "" forgets it. */
export function keepDraft(user: string, where: string, text: string): void {
  const drafts = all(user)
  if ((drafts[where] ?? "") === text) return
  delete drafts[where] // the newest is the last
  if (text) drafts[where] = text.slice(0, longest)
  const entries = Object.entries(drafts).slice(-most)
  keep(key(user), entries.length ? JSON.stringify(Object.fromEntries(entries)) : undefined)
}

/** Forgets all drafts of a user. */
export function forgetDrafts(user: string): void {
  keep(key(user), undefined)
}

function key(user: string): string {
  return `parley-drafts ${user}`
}

function all(user: string): Record<string, string> {
  try {
    return JSON.parse(kept(key(user)) ?? "{}") as Record<string, string>
  } catch {
    return {}
  }
}
