import assert from "node:assert/strict"
import { test } from "node:test"
import { Client } from "../src/index.js"
import type * as Extras from "../src/extras.js"
import { Browser } from "./browser.js"
import { database, serve, settle, type FakeEnv, fault } from "./fake.js"

// What shares tabs and keeps messages is loaded only by those who ask for it (env.extras).

const options = { user: "alice", shareTabs: true, storage: "indexeddb" } as const

function open(env: FakeEnv): { client: Client; lost: unknown[]; texts: unknown[] } {
  const client = new Client("http://parley.test", { env, ...options })
  const lost: unknown[] = [], texts: unknown[] = []
  client.on("lost", l => { if (!fault || l.part !== "session") lost.push(l.part) })
  client.channel("general").subscribe(m => texts.push(m.text))
  return { client, lost, texts }
}

test("a client that neither shares tabs nor keeps messages loads no more", async () => {
  const env = new Browser().tab("a")
  serve(env)
  let loaded = 0
  env.extras = async () => { loaded++; throw new Error("not needed") }
  const client = new Client("http://parley.test", { env, user: "alice" })
  client.channel("general").subscribe(() => {})
  await env.advance(100)
  assert.deepEqual([client.state.status, loaded], ["connected", 0])
  client.close()
})

for (const [name, fails, after] of [
  ["cannot be loaded", () => Promise.reject(new Error("404")), 0],
  ["throws", () => { throw new Error("refused by policy") }, 0],
  ["is never answered", () => new Promise<never>(() => {}), 15_000],
  ["is another version's", async () => ({}) as typeof Extras, 0],
] as const) {
  test(`the second file ${name}: delivery continues, and what is lost is reported once`, async () => {
    const env = new Browser().tab("a")
    env.indexedDB = database().factory
    const { log } = serve(env)
    let loaded = 0
    env.extras = () => { loaded++; return fails() }
    const { client, lost, texts } = open(env)
    const acks: unknown[] = []
    void client.channel("general").publish({ text: "one" }).then(a => acks.push(a.id))
    await env.advance(after)
    await env.advance(100)
    assert.deepEqual([client.state.status, client.state.transport, client.state.leader], ["connected", "websocket", undefined])
    assert.deepEqual(lost.sort(), ["storage", "tabs"])
    void client.channel("general").publish({ text: "two" }).then(a => acks.push(a.id))
    await env.advance(100)
    assert.deepEqual([log.map(m => m["text"]), acks, loaded], [["one", "two"], [1, 2], 1])
    assert.equal(texts.at(-1), "two")
    client.close()
    assert.equal(env.timers, 0)
  })
}

test("while the second file is on its way nothing is connected that would not be shared, and nothing is lost", async () => {
  const browser = new Browser()
  const [a, b] = [browser.tab("a"), browser.tab("b")]
  const stores = [database(), database()]
  const { log, live } = serve(a)
  const arrive: (() => void)[] = []
  for (const [i, env] of [a, b].entries()) {
    env.indexedDB = stores[i]!.factory
    const load = env.extras
    env.extras = async () => {
      await new Promise<void>(resolve => arrive.push(resolve))
      return load()
    }
  }
  const one = open(a), two = open(b)
  void one.client.channel("general").publish({ text: "early" })
  await a.advance(1_000)
  await b.advance(1_000)
  assert.deepEqual([a.sockets.length, b.sockets.length, one.lost, two.lost], [0, 0, [], []])
  for (const go of arrive) go()
  await settle()
  await a.advance(100)
  await b.advance(100)
  assert.deepEqual([live(), b.sockets.length, one.client.state.leader, two.client.state.leader], [1, 0, true, false])
  assert.deepEqual([log.map(m => m["text"]), one.lost, two.lost], [["early"], [], []])
  one.client.close()
  two.client.close()
})

test("a client that is closed while the second file is on its way shares nothing later", async () => {
  const env = new Browser().tab("a")
  serve(env)
  let go = (): void => {}
  const load = env.extras
  env.extras = async () => {
    await new Promise<void>(resolve => go = resolve)
    return load()
  }
  const { client, lost } = open(env)
  let locked = 0
  env.locks = { request: async () => { locked++ } }
  await env.advance(0)
  client.close()
  go()
  await env.advance(20_000)
  assert.deepEqual([locked, lost.filter(p => p === "tabs"), env.sockets.length, env.timers], [0, [], 0, 0])
})
