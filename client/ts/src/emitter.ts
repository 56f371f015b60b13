type Listener<T> = (value: T) => void

/** Who listens to what. A listener that throws does not keep others from hearing. */
export interface Emitter<Events> {
  /** Listens until the returned function is called. */
  on<K extends keyof Events>(name: K, listener: Listener<Events[K]>): () => void
  emit_<K extends keyof Events>(name: K, value: Events[K]): void
}

export function emitter<Events>(): Emitter<Events> {
  const listeners = new Set<{ name: keyof Events; listener: Listener<never> }>()
  return {
    on(name, listener) {
      const own = { name, listener } // the same function may listen twice
      listeners.add(own)
      return () => void listeners.delete(own)
    },
    emit_(name, value) {
      for (const own of [...listeners]) if (own.name === name) try {
        own.listener(value as never)
      } catch (e) {
        queueMicrotask(() => { throw e })
      }
    },
  }
}
