type Listener<T> = (value: T) => void

/** Who listens to what. A listener that throws does not keep others from hearing. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>()

  /** Listens until the returned function is called. */
  on<K extends keyof Events>(name: K, listener: Listener<Events[K]>): () => void {
    const own: Listener<Events[K]> = value => listener(value) // the same function may listen twice
    const all = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, all.add(own))
    return () => void all.delete(own)
  }

  emit<K extends keyof Events>(name: K, value: Events[K]): void {
    for (const listener of [...this.#listeners.get(name) ?? []] as Listener<Events[K]>[]) {
      try {
        listener(value)
      } catch (e) {
        queueMicrotask(() => { throw e })
      }
    }
  }
}
