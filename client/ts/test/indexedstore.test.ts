import assert from "node:assert/strict"
import { test } from "node:test"
import { Client } from "../src/index.js"
import { indexedStore } from "../src/indexedstore.js"
import { database, FakeEnv, settle } from "./fake.js"

type Item = Parameters<ReturnType<typeof indexedStore>["put"]>[0]

const item = (id: string, scope: string, seq = 1): Item =>
  ({ id, scope, seq, message: { channel: "general", key: id, user: "alice", text: "hi", state: "queued" } })

test("IndexedDB keeps items by scope", async () => {
  const { factory, rows, made } = database()
  const store = indexedStore(factory)
  await Promise.all([store.put(item("1", "a")), store.put(item("2", "b"))])
  assert.deepEqual((await indexedStore(factory).load("a")).map(i => i.id), ["1"])
  await store.remove("1")
  assert.deepEqual([...rows.keys()], ["2"])
  assert.deepEqual(made, ["outbox by id"])
})

test("items are numbered in the order in which they were kept, by whichever tab, and keep their numbers", async () => {
  const { factory, rows } = database()
  const one = indexedStore(factory), two = indexedStore(factory)
  await one.put(item("a", "s", 1))
  await one.put(item("b", "s", 2))
  await two.put(item("c", "s", 1)) // it had read nothing yet
  await one.put(item("d", "s", 3))
  await one.put(item("a", "s", 1)) // its state changed
  const all = (await two.load("s")).sort((a, b) => a.seq - b.seq)
  assert.deepEqual(all.map(i => i.id), ["a", "b", "c", "d"])
  assert.equal(new Set(all.map(i => i.seq)).size, rows.size)
})

for (const fault of ["throws", "hangs", "refuses", "aborts"] as const) {
  test(`an IndexedDB that ${fault} does not keep, and works again when it does`, async () => {
    const { factory, rows, now } = database()
    const store = indexedStore(factory)
    now.fault = fault
    let outcome = "none"
    store.put(item("1", "a")).then(() => outcome = "kept", () => outcome = "rejected")
    await settle()
    assert.equal(outcome, fault === "hangs" ? "none" : "rejected")
    now.fault = undefined
    await store.put(item("2", "a"))
    assert.deepEqual([...rows.keys()], ["2"])
  })
}

test("a handle that the browser closes between two messages loses nothing", async () => {
  const { factory, rows, handles } = database()
  const store = indexedStore(factory)
  await store.put(item("1", "a"))
  for (const h of handles) h.close()
  await store.put(item("2", "a"))
  assert.deepEqual([...rows.keys()], ["1", "2"])
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
