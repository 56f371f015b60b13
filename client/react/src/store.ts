/**
 * A value that changes over time, for useSyncExternalStore. It runs while somebody
 * listens; a moment without listeners (React mounts twice in development) does not end it.
 */
export abstract class Store<T> {
  #value: T
  readonly #listeners = new Set<() => void>()
  #offs: (() => void)[] | undefined

  constructor(value: T) {
    this.#value = value
  }

  /** Begins to watch; returns what ends it. */
  protected abstract start(): (() => void)[]

  readonly get = (): T => this.#value

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    this.#offs ??= this.start()
    return () => {
      this.#listeners.delete(listener)
      queueMicrotask(() => {
        if (this.#listeners.size) return
        for (const off of this.#offs ?? []) off()
        this.#offs = undefined
      })
    }
  }

  protected set(change: Partial<T>): void {
    this.#value = { ...this.#value, ...change }
    for (const listener of [...this.#listeners]) listener()
  }
}
