import assert from "node:assert/strict"
import { test } from "node:test"
import { Client } from "../src/index.js"
import { IndexedStore } from "../src/indexedstore.js"
import { FakeEnv, settle } from "./fake.js"

interface Asked { result?: unknown; onsuccess?: () => void; onupgradeneeded?: () => void; onerror?: () => void; error?: unknown }

/** As much of IndexedDB as is used. */
function database(fails = false): { factory: IDBFactory; rows: Map<string, { id: string }>; made: string[] } {
  const rows = new Map<string, { id: string }>(), made: string[] = []
  const table = {
    getAll: () => ({ result: structuredClone([...rows.values()]) }),
    put: (row: { id: string }) => (rows.set(row.id, structuredClone(row)), {}),
    delete: (id: string) => (rows.delete(id), {}),
  }
  const db = {
    createObjectStore: (name: string, { keyPath }: { keyPath: string }) => made.push(`${name} by ${keyPath}`),
    transaction: () => {
      const work: { oncomplete?: () => void; onerror?: () => void; error: Error; objectStore: () => typeof table } = { error: new Error("quota"), objectStore: () => table }
      setImmediate(() => fails ? work.onerror?.() : work.oncomplete?.())
      return work
    },
  }
  const open = (): Asked => {
    const asked: Asked = { result: db }
    setImmediate(() => {
      asked.onupgradeneeded?.()
      asked.onsuccess?.()
    })
    return asked
  }
  return { factory: { open } as unknown as IDBFactory, rows, made }
}

const item = (id: string, scope: string): Parameters<IndexedStore["put"]>[0] =>
  ({ id, scope, seq: 1, message: { channel: "general", key: id, user: "alice", text: "hi", state: "queued" } })

test("IndexedDB keeps items by scope, through a database that is opened once", async () => {
  const { factory, rows, made } = database()
  const store = new IndexedStore(factory)
  await Promise.all([store.put(item("1", "a")), store.put(item("2", "b"))])
  assert.deepEqual((await new IndexedStore(factory).load("a")).map(i => i.id), ["1"])
  await store.remove("1")
  assert.deepEqual([...rows.keys()], ["2"])
  assert.deepEqual(made, ["outbox by id", "outbox by id"]) // by two stores
})

test("what IndexedDB refuses rejects", async () => {
  const { factory } = database(true)
  await assert.rejects(new IndexedStore(factory).put(item("1", "a")), { message: "quota" })
})

test("with the option indexeddb what waits survives a reload", async () => {
  const { factory, rows } = database()
  const begin = (name: string): { env: FakeEnv; client: Client } => {
    const env = new FakeEnv({ name })
    env.indexedDB = factory
    return { env, client: new Client("http://parley.test", { env, user: "alice", storage: "indexeddb" }) }
  }
  const first = begin("a")
  first.client.channel("general").subscribe(() => {})
  await first.env.advance(0)
  first.env.socket.end()
  await settle()
  void first.client.channel("general").publish({ text: "kept" }).catch(() => {})
  await settle()
  assert.equal(rows.size, 1)
  first.client.close()

  const { env, client } = begin("b")
  const room = client.channel("general")
  room.subscribe(() => {})
  await env.advance(0)
  env.socket.welcome()
  await settle()
  assert.deepEqual(env.socket.of("message").map(f => [f["text"], f["key"]]), [["kept", "a1"]])
  env.socket.receive({ type: "ack", channel: "general", key: "a1", id: 1, timestamp: 1, duplicate: false })
  await settle()
  assert.deepEqual([rows.size, room.outbox], [0, []])
  client.close()
})
