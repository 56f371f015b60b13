/** What the browser keeps for the pages: for later visits, or as long as the tab lives. It may be forbidden; then it is kept for this page only. */
const memory = new Map<string, string | undefined>()

type Where = "localStorage" | "sessionStorage"

export function kept(key: string, where: Where = "localStorage"): string | undefined {
  try {
    return window[where].getItem(key) ?? undefined
  } catch {
    return memory.get(key)
  }
}

/** Keeps a value, or with undefined forgets it. */
export function keep(key: string, value: string | undefined, where: Where = "localStorage"): void {
  memory.set(key, value)
  try {
    if (value === undefined) window[where].removeItem(key)
    else window[where].setItem(key, value)
  } catch { /* then in memory */ }
}
