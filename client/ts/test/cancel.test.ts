import assert from "node:assert/strict"
import { test } from "node:test"
import { Client, type CallOptions } from "../src/index.js"
import { members } from "../src/rest.js"
import { answer, FakeEnv, settle } from "./fake.js"
import { message } from "./follow.js"

const why = new Error("the user went elsewhere")
const isWhy = (e: unknown): boolean => e === why

test("every call that waits ends with the reason of its signal, and its request with it", async () => {
  const env = new FakeEnv()
  env.serve = () => null
  const client = new Client("http://parley.test", { env, user: "alice" })
  const room = client.channel("general")
  const calls: Record<string, (o: CallOptions) => Promise<unknown>> = {
    history: o => room.history(o), thread: o => room.thread(1, o), edit: o => room.edit(1, { text: "x" }, o), delete: o => room.delete(1, o),
    react: o => room.react(1, "👍", true, o), event: o => room.event("score", {}, o), markRead: o => room.markRead(1, o),
    presence: o => room.presence(o), inbox: o => client.inbox(o), request: o => client.request("GET", "/x", undefined, o),
    members: o => members(client, "general", o).next(),
  }
  for (const [name, call] of Object.entries(calls)) {
    const stop = new AbortController(), before = env.requests.length
    const rejected = assert.rejects(call({ signal: stop.signal }), isWhy, name)
    await settle()
    assert.equal(env.requests.length, before + 1, name)
    stop.abort(why)
    await rejected
    assert.equal(env.requests.at(-1)!.signal.aborted, true, name)
    await assert.rejects(call({ signal: AbortSignal.abort(why) }), isWhy, `${name}, aborted before`)
    assert.equal(env.requests.length, before + 1, name)
  }
  assert.equal(env.timers, 0)
  client.close()
})

test("a call that waits for a token ends too, and asks nothing later", async () => {
  const env = new FakeEnv()
  let give!: (token: string) => void
  const client = new Client("http://parley.test", { env, getToken: () => new Promise<string>(resolve => give = resolve) })
  const stop = new AbortController()
  const rejected = assert.rejects(client.inbox({ signal: stop.signal }), isWhy)
  await settle()
  stop.abort(why)
  await rejected
  give("t")
  await settle()
  assert.equal(env.requests.length, 0)
  client.close()
})

test("a message that waits is taken back; one that was sent goes on", async () => {
  const env = new FakeEnv()
  const client = new Client("http://parley.test", { env, user: "alice" })
  const room = client.channel("general")
  room.subscribe(() => {})
  await env.advance(0)
  const stop = new AbortController()
  const waiting = assert.rejects(room.publish({ text: "never" }, { signal: stop.signal }), isWhy) // there is no connection yet
  assert.deepEqual(room.outbox.map(m => m.text), ["never"])
  stop.abort(why)
  await waiting
  assert.equal(room.outbox.length, 0)
  env.socket.welcome()
  assert.deepEqual(env.socket.of("message"), [])
  const late = new AbortController()
  const sent = assert.rejects(room.publish({ text: "sent" }, { signal: late.signal }), isWhy)
  late.abort(why)
  await sent
  assert.deepEqual(room.outbox.map(m => m.state), ["sent"])
  env.socket.receive({ type: "ack", channel: "general", key: env.socket.of("message")[0]!["key"], id: 1, timestamp: 1 })
  assert.equal(room.outbox.length, 0)
  const gone = room.publish({ text: "x" }, { signal: AbortSignal.abort(why) })
  await assert.rejects(gone, isWhy)
  client.close()
})

test("a loop over messages ends with its signal, and the channel is no longer followed", async () => {
  const env = new FakeEnv()
  const client = new Client("http://parley.test", { env, user: "alice" })
  const stop = new AbortController()
  const ids: number[] = []
  const loop = (async () => {
    for await (const m of client.channel("general").messages({ signal: stop.signal })) ids.push(m.id)
  })()
  await env.advance(0)
  env.socket.welcome()
  env.socket.receive(message(1))
  await settle()
  stop.abort(why)
  await assert.rejects(loop, isWhy)
  await env.advance(0)
  assert.deepEqual([ids, client.state.status], [[1], "idle"])
  client.close()
})

test("a signal that outlives its calls keeps no listeners", async () => {
  const env = new FakeEnv()
  env.serve = () => answer(200, { count: 0, users: [], truncated: false })
  const client = new Client("http://parley.test", { env, user: "alice" })
  const { signal } = new AbortController()
  let listeners = 0
  const { addEventListener: add, removeEventListener: remove } = signal
  signal.addEventListener = (...a: unknown[]) => { listeners++; add.apply(signal, a as Parameters<typeof add>) }
  signal.removeEventListener = (...a: unknown[]) => { listeners--; remove.apply(signal, a as Parameters<typeof remove>) }
  for (let i = 0; i < 3; i++) await client.channel("general").presence({ signal })
  const loop = client.channel("general").messages({ signal })
  const next = loop.next()
  await settle()
  await loop.return()
  assert.equal((await next).done, true)
  assert.equal(listeners, 0)
  client.close()
})
