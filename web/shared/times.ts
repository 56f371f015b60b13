// As the reader's locale writes them: with 12 hours or 24.
const hours = new Intl.DateTimeFormat([], { timeStyle: "short" })
const seconds = new Intl.DateTimeFormat([], { timeStyle: "medium" })
const full = new Intl.DateTimeFormat([], { dateStyle: "full", timeStyle: "short" })
const long = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" })
const longer = new Intl.DateTimeFormat([], { day: "numeric", month: "long", year: "numeric" })
const weekday = new Intl.DateTimeFormat([], { weekday: "short" })
const short = new Intl.DateTimeFormat([], { day: "numeric", month: "short" })

/** The day of a timestamp in seconds, as a number that rises by one each day. */
export function day(seconds: number): number {
  const d = new Date(seconds * 1000)
  return Math.floor((d.getTime() - d.getTimezoneOffset() * 60_000) / 86_400_000)
}

export function clock(seconds: number): string {
  return hours.format(seconds * 1000)
}

export function exact(time: number): string {
  return seconds.format(time * 1000)
}

export function whole(seconds: number): string {
  return full.format(seconds * 1000)
}

/** A day in words. */
export function dayName(seconds: number, now = Date.now() / 1000): string {
  const ago = day(now) - day(seconds)
  if (ago === 0) return "Today"
  if (ago === 1) return "Yesterday"
  return (ago < 300 ? long : longer).format(seconds * 1000)
}

/** As short as it can be for a list: 14:05 or 2:05 PM, Mon, 3 Feb. */
export function brief(seconds: number, now = Date.now() / 1000): string {
  const ago = day(now) - day(seconds)
  return (ago <= 0 ? hours : ago < 7 ? weekday : short).format(seconds * 1000)
}
