import type { Broadcast, Locks } from "../src/index.js"
import { FakeEnv } from "./fake.js"

interface Lock { holder?: (why?: Error) => void; owner?: object; queue: { take: () => void; owner: object }[] }

/** What the tabs of one browser have in common: locks and channels to talk over. */
export class Browser {
  readonly #locks = new Map<string, Lock>()
  readonly #air = new Set<Broadcast & { name: string }>()

  /** The locks, for one tab. */
  #locksOf = (owner: object): Locks => ({
    request: (name, { signal, steal }, hold) => new Promise<void>((resolve, reject) => {
      const lock = this.#locks.get(name) ?? { queue: [] }
      this.#locks.set(name, lock)
      const take = (): void => {
        const end = (why?: Error): void => {
          if (lock.holder === end) {
            lock.holder = undefined
            lock.queue.shift()?.take()
          }
          why ? reject(why) : resolve()
        }
        lock.holder = end
        lock.owner = owner
        void hold().then(() => end())
      }
      if (steal) {
        const was = lock.holder
        take()
        was?.(new Error("stolen"))
      } else if (lock.holder) {
        lock.queue.push({ take, owner })
        signal?.addEventListener("abort", () => {
          lock.queue = lock.queue.filter(t => t.take !== take)
          reject(new Error("aborted"))
        })
      } else take()
    }),
  })

  /** Ends a tab as a crash does: it says nothing more, and its locks are free. */
  crash(tab: FakeEnv & { frozen: boolean }): void {
    tab.frozen = true
    for (const lock of this.#locks.values()) {
      lock.queue = lock.queue.filter(q => q.owner !== tab)
      if (lock.owner === tab) lock.holder?.()
    }
  }

  /** A tab, whose broadcasts may be frozen. */
  tab(name: string): FakeEnv & { frozen: boolean } {
    const env = Object.assign(new FakeEnv({ name }), { frozen: false })
    const air = this.#air
    env.locks = this.#locksOf(env)
    env.BroadcastChannel = class implements Broadcast {
      onmessage: Broadcast["onmessage"] = null
      readonly name: string
      constructor(name: string) {
        this.name = name
        air.add(this)
      }
      postMessage(message: unknown): void {
        const copy: unknown = structuredClone(message)
        if (!env.frozen) for (const other of air) if (other !== this && other.name === this.name) queueMicrotask(() => other.onmessage?.({ data: copy }))
      }
      close(): void { air.delete(this) }
    }
    return env
  }
}
