import type { Store, Stored } from "./store.js"

const table = "outbox"

/**
 * Keeps messages in IndexedDB, so that they survive a reload. Each question opens the database:
 * a handle that is kept may be closed by the browser. A new item gets a number after all others,
 * also those of other tabs, which count on their own. `factory`: an IDBFactory.
 */
export function indexedStore(factory: object): Store {
  const ask = (mode: IDBTransactionMode, what: (t: IDBObjectStore) => IDBRequest): Promise<unknown> => new Promise((resolve, reject) => {
    const opening = (factory as IDBFactory).open("parley", 1)
    opening.onupgradeneeded = () => opening.result.createObjectStore(table, { keyPath: "id" })
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const db = opening.result
      try {
        const work = db.transaction(table, mode)
        const asked = what(work.objectStore(table))
        work.oncomplete = () => resolve(asked.result)
        work.onabort = work.onerror = () => reject(work.error)
      } catch (e) {
        reject(e)
      }
      db.close() // when the transaction has ended
    }
  })
  return {
    load: async scope => (await ask("readonly", t => t.getAll()) as Stored[]).filter(item => item.scope === scope),
    put: item => ask("readwrite", t => {
      const asked = t.getAll()
      asked.onsuccess = () => {
        const all = asked.result as Stored[]
        t.put({ ...item, seq: all.find(i => i.id === item.id)?.seq ?? Math.max(item.seq, ...all.map(i => i.seq + 1)) })
      }
      return asked
    }),
    remove: id => ask("readwrite", t => t.delete(id)),
  }
}
