/** What of the browser the client may lose, and goes on without. */
export type Part = "storage" | "session" | "tabs"

/** Calls what may be forbidden, throw or reject. Then the result is undefined, and the part is reported as lost. */
export type Guard = <T>(part: Part, call: () => T) => T | Promise<Awaited<T> | undefined> | undefined

/** Reports each part once. */
export function guard(lost: (part: Part, why: unknown) => void): Guard {
  const told = new Set<Part>()
  return (part, call) => {
    const fail = (why: unknown): undefined => {
      if (!told.has(part)) lost(part, why)
      told.add(part)
    }
    try {
      const result = call()
      return result instanceof Promise ? result.catch(fail) : result
    } catch (e) {
      return fail(e)
    }
  }
}
