import assert from "node:assert/strict"
import { test } from "node:test"
import { createElement, StrictMode, type ReactElement } from "react"
import { act, create, type ReactTestRenderer } from "react-test-renderer"
import { Client } from "@parley/client"
import { ParleyProvider, useChannel, useConnection, useMessages, useParley, usePresence, useTyping, useUnread, type MessagesHook, type TypingHook } from "../src/index.js"
import { answer, FakeEnv, settle } from "../../ts/test/fake.js"

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true })

const message = (id: number, more: object = {}): object => ({ type: "message", id, channel: "general", user: "bob", text: `m${id}`, timestamp: id, ...more })

/** A component's tree over a client whose server is the test. */
async function render(env: FakeEnv, component: () => ReactElement | string): Promise<{ client: Client; tree: ReactTestRenderer; text: () => string; step: (f?: () => void) => Promise<void> }> {
  const client = new Client("http://parley.test", { env, user: "alice" })
  const step = (f: () => void = () => {}): Promise<void> => act(async () => {
    f()
    await env.advance(0)
    await settle()
  })
  let tree!: ReactTestRenderer
  await act(async () => {
    tree = create(createElement(StrictMode, null, createElement(ParleyProvider, { client }, createElement(component))))
  })
  await step()
  return { client, tree, step, text: () => JSON.stringify(tree.toJSON()) }
}

test("useChannel shows history, what follows, changes, typing and own messages on their way", async () => {
  const env = new FakeEnv()
  env.serve = r => r.query.get("before")
    ? answer(200, [message(1)], {})
    : answer(200, [message(2), message(3)], { "Parley-Last-Id": "3", "Parley-Epoch": "e1" })
  let hook!: ReturnType<typeof useChannel>
  const { client, tree, step, text } = await render(env, () => {
    hook = useChannel("general", { limit: 2 })
    return [...hook.messages.map(m => `${m.text ?? "deleted"}${m.edited ? "*" : ""}`), ...hook.pending.map(p => `(${p.text})`), ...hook.typing.map(u => `${u}…`)].join(" ")
  })
  assert.equal(text(), '"m2 m3"')
  await step(() => env.socket.welcome({ general: 3 }))
  await step(() => env.socket.receive(message(4)))
  await step(() => env.socket.receive({ type: "typing", user: "bob", channel: "general" }))
  assert.equal(text(), '"m2 m3 m4 bob…"')
  await step(() => env.socket.receive(message(5)))
  await step(() => env.socket.receive({ type: "message-changed", id: 6, channel: "general", user: "bob", timestamp: 6, of: 3, change: "edit", message: message(3, { text: "M3", edited: true }) }))
  assert.equal(text(), '"m2 M3* m4 m5"')
  await step(() => void hook.channel.publish({ text: "mine" }))
  assert.equal(text(), '"m2 M3* m4 m5 (mine)"')
  await step(() => env.socket.receive(message(7, { user: "alice", text: "mine", key: env.socket.of("message")[0]!["key"] })))
  assert.equal(text(), '"m2 M3* m4 m5 mine"')
  assert.equal(hook.more, true)
  await step(() => void hook.loadMore())
  assert.equal(text(), '"m1 m2 M3* m4 m5 mine"')
  assert.equal(hook.more, false)
  assert.equal(env.socket.of("subscribe").length, 1) // StrictMode mounts twice
  await act(async () => tree.unmount())
  await env.advance(0)
  assert.equal(client.state.status, "idle")
  client.close()
})

test("useChannel reads again after a reset and reports why a channel is refused", async () => {
  const env = new FakeEnv()
  let page = [message(1)]
  env.serve = () => answer(200, page, { "Parley-Last-Id": "1", "Parley-Epoch": "e1" })
  const { client, tree, step, text } = await render(env, () => {
    const { messages, error } = useChannel("general")
    return messages.map(m => m.text).join(" ") + (error ? `: ${error.message}` : "")
  })
  await step(() => env.socket.welcome())
  page = [message(8), message(9)]
  await step(() => env.socket.receive({ type: "reset", channel: "general", reason: "expired", first_id: 8, last_id: 9 }))
  await step(() => env.socket.receive(message(8)))
  assert.equal(text(), '"m8 m9"')
  await step(() => env.socket.receive({ type: "forbidden", channel: "general", code: "forbidden", detail: "you are banned" }))
  assert.equal(text(), '"m8 m9: you are banned"')
  await act(async () => tree.unmount())
  client.close()
})

test("usePresence asks once and follows events", async () => {
  const env = new FakeEnv()
  env.serve = () => answer(200, { count: 2, users: [{ user: "alice", since: 1, transports: [] }, { user: "bob", since: 1, transports: [] }], truncated: false })
  const { client, tree, step, text } = await render(env, () => {
    const { count, users } = usePresence("general")
    return `${count}: ${users.join(" ")}`
  })
  await step(() => env.socket.welcome())
  assert.equal(text(), '"2: alice bob"')
  await step(() => env.socket.receive({ type: "user-joined", user: "carol", channel: "general" }))
  await step(() => env.socket.receive({ type: "user-joined", user: "carol", channel: "general" }))
  await step(() => env.socket.receive({ type: "user-left", user: "bob", channel: "general" }))
  assert.equal(text(), '"2: alice carol"')
  await step(() => env.socket.receive({ type: "presence", channel: "general", joined: ["dave"], left: [], count: 150 }))
  assert.equal(text(), '"150: alice carol dave"')
  await act(async () => tree.unmount())
  client.close()
})

test("useUnread begins with the inbox, all of its pages, and follows the user's own channel", async () => {
  const env = new FakeEnv()
  env.serve = r => answer(200, r.query.get("next") ? { channels: [{ channel: "b", unread: 1, mentions: 1 }] } : { channels: [{ channel: "a", unread: 4 }], next: "b" })
  const { client, tree, step, text } = await render(env, () => {
    const { total } = useUnread(), b = useUnread("b"), none = useUnread("none")
    return `${total} ${b.unread}/${b.mentions} ${none.unread}`
  })
  await step(() => env.socket.welcome())
  assert.equal(env.socket.of("subscribe")[0]!["channel"], "@alice")
  assert.equal(text(), '"5 1/1 0"')
  await step(() => env.socket.receive({ type: "unread", channel: "b", unread: 3, mentions: 1, total: 7 }))
  assert.equal(text(), '"7 3/1 0"')
  await step(() => env.socket.receive({ type: "member-removed", channel: "b" }))
  assert.equal(text(), '"4 0/0 0"')
  await act(async () => tree.unmount())
  client.close()
})

test("useConnection tells the state; hooks without a provider say what they need", async () => {
  const env = new FakeEnv()
  const { client, tree, step, text } = await render(env, () => {
    useChannel("general")
    const { status, transport } = useConnection()
    return `${status} ${transport ?? ""}`
  })
  assert.equal(text(), '"connecting websocket"')
  await step(() => env.socket.welcome())
  assert.equal(text(), '"connected websocket"')
  await step(() => client.cut())
  assert.equal(text(), '"waiting websocket"')
  await act(async () => tree.unmount())
  client.close()
  const orphan = (): string => String(useParley())
  const { error } = console
  console.error = () => {} // React tells it too
  await assert.rejects(async () => act(async () => void create(createElement(orphan))), /ParleyProvider/)
  console.error = error
})

test("snapshots that come 2.5 s late, after live events, undo nothing: history, presence, unread", async () => {
  const env = new FakeEnv()
  const late: (() => void)[] = []
  const people = { count: 2, users: [{ user: "alice", since: 1, transports: [] }, { user: "bob", since: 1, transports: [] }], truncated: false }
  env.serve = r => new Promise(resolve => late.push(() => resolve(r.path === "/api/messages"
    ? answer(200, r.query.has("before") ? [] : [message(1), message(2), message(3)], { "Parley-Last-Id": "3", "Parley-Epoch": "e1" })
    : r.path.endsWith("/presence") ? answer(200, people) : answer(200, { channels: [{ channel: "general", unread: 1 }] }))))
  const { client, tree, step, text } = await render(env, () => {
    const { messages } = useChannel("general"), { count, users } = usePresence("general"), { unread } = useUnread("general")
    return `${messages.map(m => m.deleted ? "deleted" : m.text).join(" ")} | ${count} ${users.join(" ")} | ${unread}`
  })
  await step(() => env.socket.welcome({ general: 3 }))
  const change = (id: number, of: number, more: object): void => env.socket.receive({ type: "message-changed", id, channel: "general", user: "bob", timestamp: id, of, change: "edit", message: message(of, more) })
  await step(() => change(4, 1, { text: "M1", edited: true }))
  await step(() => change(5, 2, { text: undefined, deleted: true }))
  await step(() => env.socket.receive({ type: "user-left", user: "bob", channel: "general" }))
  await step(() => env.socket.receive({ type: "unread", channel: "general", unread: 3, mentions: 0, total: 3 }))
  for (let i = 0; i < 4; i++) await step(() => { for (const go of late.splice(0)) go() })
  assert.equal(text(), '"M1 deleted m3 | 1 alice | 3"')
  await act(async () => tree.unmount())
  client.close()
})

test("history that could not be had is asked for again with the next connection", async () => {
  const env = new FakeEnv()
  let up = false
  env.serve = () => up ? answer(200, [message(1)], { "Parley-Last-Id": "1", "Parley-Epoch": "e1" }) : answer(503, { code: "unavailable" })
  const { client, tree, step, text } = await render(env, () => {
    const { messages, error } = useChannel("general")
    return error ? "failed" : messages.map(m => m.text).join(" ")
  })
  assert.equal(text(), '"failed"')
  up = true
  await step(() => env.socket.welcome())
  await step()
  assert.equal(text(), '"m1"')
  await act(async () => tree.unmount())
  client.close()
})

test("reacted: the 23rd of 25 is asked for once and remembered", async () => {
  const env = new FakeEnv()
  const reactions = { "👍": { count: 25, users: Array.from({ length: 20 }, (_, i) => `u${i}`) } }
  env.serve = r => r.path.includes("/reactions/") ? answer(200, { count: 25, mine: true, users: ["u0"], next: "u0" })
    : answer(200, [message(1, { reactions })], { "Parley-Last-Id": "1", "Parley-Epoch": "e1" })
  const { client, tree, step, text } = await render(env, () => {
    const { messages, reacted } = useChannel("general")
    return messages.map(m => String(reacted(m, "👍"))).join()
  })
  await step(() => env.socket.welcome({ general: 1 }))
  await step()
  assert.equal(text(), '"true"')
  await step(() => env.socket.receive(message(2, { reactions: {} })))
  assert.equal(env.requests.filter(r => r.path.includes("/reactions/")).length, 1)
  await act(async () => tree.unmount())
  client.close()
})

test("another user sees nothing of what the one before was shown", async () => {
  const env = new FakeEnv()
  let user = "alice", n = 0
  const token = (): string => `h.${Buffer.from(JSON.stringify({ sub: user, n: ++n, iat: 0, exp: 20 })).toString("base64url")}.s`
  const who = (r: { headers: Record<string, string> }): string => JSON.parse(Buffer.from(r.headers["Authorization"]!.split(".")[1]!, "base64url").toString()).sub as string
  env.serve = r => r.path === "/api/tickets" ? answer(200, { ticket: "t" }) : r.path === "/api/channels" ? answer(200, { channels: [{ channel: `of-${who(r)}`, unread: 1 }] })
    : answer(200, [message(1, { text: `for ${who(r)}` })], { "Parley-Last-Id": "1", "Parley-Epoch": "e1" })
  const client = new Client("http://parley.test", { env, token: token(), getToken: token })
  let tree!: ReactTestRenderer
  const Shown = (): string => {
    const { messages } = useChannel("general"), { channels } = useUnread()
    return `${messages.map(m => m.text).join()} ${Object.keys(channels).join()}`
  }
  const step = (ms: number): Promise<void> => act(async () => env.advance(ms))
  await act(async () => { tree = create(createElement(ParleyProvider, { client }, createElement(Shown))) })
  await step(0)
  await act(async () => { env.socket.welcome(); await settle() })
  assert.equal(JSON.stringify(tree.toJSON()), '"for alice of-alice"')
  user = "bob"
  await step(11_000)
  await act(async () => { env.socket.welcome(); await settle() })
  assert.equal(JSON.stringify(tree.toJSON()), '"for bob of-bob"')
  await act(async () => tree.unmount())
  client.close()
})

test("useMessages pages up to the beginning, one page at a time however often it is asked", async () => {
  const env = new FakeEnv()
  env.serve = r => {
    const before = Number(r.query.get("before") ?? 8), limit = Number(r.query.get("limit"))
    const ids = Array.from({ length: limit }, (_, i) => before - limit + i).filter(id => id > 0)
    return answer(200, ids.map(id => message(id)), { "Parley-Last-Id": "7", "Parley-Epoch": "e1" })
  }
  let hook!: MessagesHook<{ n: number }>
  const { client, tree, step, text } = await render(env, () => {
    hook = useMessages("general", { limit: 3 })
    return hook.messages.map(m => m.id).join(" ") + (hook.more ? " …" : "")
  })
  await step(() => env.socket.welcome({ general: 7 }))
  assert.equal(text(), '"5 6 7 …"')
  const { loadMore } = hook
  await step(() => {
    assert.equal(loadMore(), loadMore())
    assert.equal(hook.loading, false) // as of the last rendering
  })
  assert.equal(text(), '"2 3 4 5 6 7 …"')
  await step(() => env.socket.receive(message(8)))
  await step(() => void hook.loadMore())
  assert.equal(text(), '"1 2 3 4 5 6 7 8"')
  assert.equal(hook.loadMore, loadMore)
  assert.equal(env.requests.filter(r => r.path === "/api/messages").length, 3)
  await act(async () => tree.unmount())
  client.close()
})

test("useMessages: a page that a reset overtakes is not shown", async () => {
  const env = new FakeEnv()
  const late: ((a: ReturnType<typeof answer>) => void)[] = []
  env.serve = r => r.query.has("before") ? answer(200, []) : new Promise(resolve => late.push(resolve))
  const { client, tree, step, text } = await render(env, () => {
    const { messages, loading } = useMessages("general")
    return messages.map(m => m.text).join(" ") + (loading ? " loading" : "")
  })
  await step(() => env.socket.welcome({ general: 1 }))
  await step(() => env.socket.receive({ type: "reset", channel: "general", reason: "expired", first_id: 9, last_id: 9 }))
  assert.equal(late.length, 2)
  await step(() => late[0]!(answer(200, [message(1)], { "Parley-Last-Id": "1", "Parley-Epoch": "e1" })))
  assert.equal(text(), '" loading"')
  await step(() => late[1]!(answer(200, [message(9)], { "Parley-Last-Id": "9", "Parley-Epoch": "e1" })))
  assert.equal(text(), '"m9"')
  await act(async () => tree.unmount())
  client.close()
})

test("useTyping tells who types for four seconds, tells the others, and does not render for messages", async () => {
  const env = new FakeEnv()
  env.serve = () => answer(200, [], { "Parley-Last-Id": "0", "Parley-Epoch": "e1" })
  let hook!: TypingHook, rendered = 0
  const { client, tree, step, text } = await render(env, () => {
    rendered++
    hook = useTyping("general")
    return hook.users.join(" ") || "nobody"
  })
  await step(() => env.socket.welcome())
  await step(() => hook.typing())
  assert.equal(env.socket.of("typing").length, 1)
  const before = rendered
  await step(() => env.socket.receive(message(1, { user: "carol" })))
  assert.equal(rendered, before)
  await step(() => env.socket.receive({ type: "typing", user: "bob", channel: "general" }))
  assert.equal(text(), '"bob"')
  await step(() => env.socket.receive(message(2)))
  assert.equal(text(), '"nobody"')
  await act(async () => tree.unmount())
  client.close()
})
