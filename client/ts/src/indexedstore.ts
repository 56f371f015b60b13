import type { Store, Stored } from "./store.js"

const table = "outbox"

/** Keeps messages in IndexedDB, so that they survive a reload. */
export class IndexedStore implements Store {
  readonly #factory: IDBFactory
  #db: Promise<IDBDatabase> | undefined

  constructor(factory: object) {
    this.#factory = factory as IDBFactory
  }

  async load(scope: string): Promise<Stored[]> {
    const all = await this.#ask<Stored[]>("readonly", t => t.getAll())
    return all.filter(item => item.scope === scope)
  }

  put(item: Stored): Promise<unknown> {
    return this.#ask("readwrite", t => t.put(item))
  }

  remove(id: string): Promise<unknown> {
    return this.#ask("readwrite", t => t.delete(id))
  }

  async #ask<T>(mode: IDBTransactionMode, ask: (t: IDBObjectStore) => IDBRequest): Promise<T> {
    this.#db ??= new Promise((resolve, reject) => {
      const opening = this.#factory.open("parley", 1)
      opening.onupgradeneeded = () => opening.result.createObjectStore(table, { keyPath: "id" })
      opening.onsuccess = () => resolve(opening.result)
      opening.onerror = () => reject(opening.error)
    })
    const db = await this.#db
    return new Promise((resolve, reject) => {
      const work = db.transaction(table, mode)
      const asked = ask(work.objectStore(table))
      work.oncomplete = () => resolve(asked.result as T)
      work.onabort = work.onerror = () => reject(work.error)
    })
  }
}
