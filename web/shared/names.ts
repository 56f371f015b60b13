/** What the server takes for the name of a user or a channel. */
export function validName(name: string): boolean {
  return /^(?!\.{1,2}$)[A-Za-z0-9._:-][A-Za-z0-9._:@-]{0,127}$/.test(name)
}

/** Whether a character (its code unit) may be in such a name. */
export function inName(c: number): boolean {
  return c >= 0x61 && c <= 0x7a || c >= 0x40 && c <= 0x5a || c >= 0x2d && c <= 0x3a && c !== 0x2f || c === 0x5f
}
