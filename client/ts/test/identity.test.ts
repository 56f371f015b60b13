import assert from "node:assert/strict"
import { test } from "node:test"
import { Client, type Store, type Stored } from "../src/index.js"
import { Browser } from "./browser.js"
import { answer, FakeEnv, jwt, settle, type Request } from "./fake.js"

const token = (sub: string, n = 0): string => jwt({ sub, n })
const subject = (r: Request): string => String(JSON.parse(Buffer.from(r.headers["Authorization"]!.split(".")[1]!, "base64url").toString()).sub)
const tickets = (r: Request): ReturnType<typeof answer> | null => r.path === "/api/tickets" ? answer(200, { ticket: subject(r) }) : null

test("two tabs that have only tokens share a connection if these name the same user, else not", async () => {
  const browser = new Browser()
  const open = (name: string, user: string): { env: FakeEnv; client: Client } => {
    const env = browser.tab(name)
    env.serve = tickets
    const client = new Client("http://parley.test", { env, shareTabs: true, getToken: async () => token(user) })
    client.channel("general").subscribe(() => {})
    return { env, client }
  }
  const a = open("a", "alice"), b = open("b", "bob"), a2 = open("c", "alice")
  for (const { env } of [a, b, a2]) await env.advance(0)
  for (const { env } of [a, b]) if (env.sockets.length) env.socket.welcome()
  await settle()
  assert.deepEqual([a.env.sockets.length, b.env.sockets.length, a2.env.sockets.length], [1, 1, 0])
  assert.deepEqual([a.env.socket.url.searchParams.get("ticket"), b.env.socket.url.searchParams.get("ticket")], ["alice", "bob"])
  const heard: string[] = []
  b.client.channel("secret").subscribe(m => heard.push(m.text!))
  a.client.channel("secret").subscribe(() => {})
  await a.env.advance(0)
  await b.env.advance(0)
  a.env.socket.receive({ type: "welcome", channel: "secret", cursor: 0, last_id: 0, epoch: "e1" })
  a.env.socket.receive({ type: "message", id: 1, channel: "secret", user: "alice", text: "mine", timestamp: 1 })
  await settle()
  assert.deepEqual(heard, [])
  for (const { client } of [a, b, a2]) client.close()
})

test("a user that the application only names is no proof, and a token that names nobody shares nothing", async () => {
  const browser = new Browser()
  const tabs = ["a", "b"].map(name => browser.tab(name))
  const clients = tabs.map(env => {
    env.serve = r => r.path === "/api/tickets" ? answer(200, { ticket: "t" }) : null
    const client = new Client("http://parley.test", { env, shareTabs: true, user: "alice", getToken: () => "opaque" })
    client.channel("general").subscribe(() => {})
    return client
  })
  for (const env of tabs) await env.advance(0)
  assert.deepEqual(tabs.map(env => env.sockets.length), [1, 1])
  for (const client of clients) client.close()
})

test("a token that is another user's ends the sharing", async () => {
  const browser = new Browser()
  const a = browser.tab("a"), b = browser.tab("b")
  a.serve = b.serve = tickets
  let who = "alice", n = 0
  const one = new Client("http://parley.test", { env: a, shareTabs: true, getToken: () => token("alice") })
  one.channel("general").subscribe(() => {})
  await a.advance(0)
  a.socket.welcome()
  const two = new Client("http://parley.test", { env: b, shareTabs: true, getToken: () => jwt({ sub: who, n: ++n, iat: 0, exp: 20 }) })
  two.channel("general").subscribe(() => {})
  await b.advance(0)
  assert.deepEqual([two.state.status, two.state.leader, b.sockets.length], ["connected", false, 0])
  const users: string[] = []
  two.on("user", u => users.push(u))
  who = "bob"
  await b.advance(11_000)
  assert.equal(two.user, "bob")
  assert.deepEqual(users, ["bob"])
  assert.equal(b.socket.url.searchParams.get("ticket"), "bob")
  one.close()
  two.close()
})

/** A store that outlives its clients. */
class Shelf implements Store {
  readonly items = new Map<string, Stored>()
  async load(scope: string): Promise<Stored[]> { return structuredClone([...this.items.values()].filter(i => i.scope === scope)) }
  async put(item: Stored): Promise<void> { this.items.set(item.id, structuredClone(item)) }
  async remove(id: string): Promise<void> { this.items.delete(id) }
}

for (const way of ["websocket", "sse"] as const) for (const storage of [undefined, new Shelf()]) {
  test(`what alice wrote offline is never sent as bob's, and goes when she is back (${way}, ${storage ? "store" : "memory"})`, async () => {
    const env = new FakeEnv()
    let who = "alice", n = 0, online = false
    const posted: string[] = []
    env.serve = r => {
      if (!online) throw new Error("no network")
      if (r.path === "/api/messages" && r.method === "POST") {
        posted.push(`${subject(r)}: ${r.body!["text"]}`)
        return answer(201, { id: posted.length, timestamp: 1 })
      }
      return tickets(r)
    }
    const client = new Client("http://parley.test", { env, storage, transports: [way], getToken: () => jwt({ sub: who, n: ++n, iat: 0, exp: 20 }) })
    const room = client.channel("general")
    const sent = (): string[] => [...posted, ...env.sockets.flatMap(s => s.of("message").map(f => `${s.url.searchParams.get("ticket")}: ${f["text"]}`))]
    await settle()
    const hers = room.publish({ text: "hers" })
    await settle()
    assert.deepEqual(room.outbox.map(o => [o.user, o.state]), [["alice", "queued"]])
    who = "bob"
    await env.advance(15_000)
    assert.equal(client.user, "bob")
    assert.deepEqual(room.outbox, [])
    online = true
    void room.publish({ text: "his" })
    await env.advance(40_000)
    assert.deepEqual(sent(), ["bob: his"])
    who = "alice"
    await env.advance(40_000)
    assert.equal(client.user, "alice")
    await hers
    assert.deepEqual(sent(), ["bob: his", "alice: hers"])
    client.close()
  })
}

test("another user begins from the head, and what is asked as one is not answered to the other", async () => {
  const env = new FakeEnv()
  let who = "alice", n = 0
  let late = (): void => {}
  env.serve = r => r.path === "/api/channels" ? new Promise(resolve => late = () => resolve(answer(200, { channels: [{ channel: "secret" }] }))) : tickets(r)
  const client = new Client("http://parley.test", { env, getToken: () => jwt({ sub: who, n: ++n, iat: 0, exp: 20 }) })
  const room = client.channel("general", { after: 7 })
  const resets: string[] = []
  room.on("reset", r => resets.push(r.reason))
  await env.advance(0)
  env.socket.welcome()
  const inbox = client.inbox()
  await settle()
  who = "bob"
  await env.advance(11_000)
  late()
  await assert.rejects(inbox, { code: "user_changed" })
  assert.deepEqual([resets, room.cursor], [["user"], undefined])
  env.socket.open()
  assert.equal(env.socket.of("subscribe")[0]!["after"], undefined)
  client.close()
})

test("a pending copy of what another tab sent goes when that is durable, also while this tab has no connection", async () => {
  const browser = new Browser()
  const shelf = new Shelf()
  const a = browser.tab("a"), b = browser.tab("b")
  const open = (env: FakeEnv): Client => new Client("http://parley.test", { env, user: "alice", shareTabs: true, storage: shelf })
  a.serve = b.serve = () => { throw new Error("no network") }
  const one = open(a)
  await a.advance(0)
  void one.channel("general").publish({ text: "hi" }).catch(() => {})
  await settle()
  const two = open(b)
  await settle()
  assert.equal(two.channel("general").outbox.length, 1)
  a.serve = () => answer(201, { id: 4, timestamp: 4 })
  await a.advance(5_000)
  assert.deepEqual([one.channel("general").outbox, two.channel("general").outbox], [[], []])
  one.close()
  two.close()
})
