/** What the server takes for the name of a user or a channel. */
export function validName(name: string): boolean {
  return /^(?!\.{1,2}$)[A-Za-z0-9._:-][A-Za-z0-9._:@-]{0,127}$/.test(name)
}

/** FNV-1a of a text. */
export function hash(text: string): number {
  let sum = 0x811c9dc5
  for (let i = 0; i < text.length; i++) sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193)
  return sum >>> 0
}

/** Whether a character (its code unit) may be in such a name. */
export function inName(c: number): boolean {
  return c >= 0x61 && c <= 0x7a || c >= 0x40 && c <= 0x5a || c >= 0x2d && c <= 0x3a && c !== 0x2f || c === 0x5f
}
