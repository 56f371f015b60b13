import type * as Emoji from "/emoji.js"

let loading: Promise<typeof Emoji> | undefined

/** The names of emoji and their picker, which are loaded when somebody needs them first. */
export function emoji(): Promise<typeof Emoji> {
  return loading ??= import("/emoji.js").catch((e: unknown) => {
    loading = undefined
    throw e
  })
}
