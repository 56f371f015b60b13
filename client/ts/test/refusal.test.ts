import assert from "node:assert/strict"
import { test } from "node:test"
import { answer, Body, FakeEnv, problem, settle } from "./fake.js"
import { follow, held } from "./follow.js"

test("the channel because of which many are refused is told and left out, one after the other", async () => {
  for (const way of ["sse", "long-poll"] as const) {
    const env = new FakeEnv()
    const bad: Record<string, string> = { secret: "forbidden", "a b": "bad_channel" }
    env.serve = r => {
      const channel = r.query.getAll("channel_id").find(c => bad[c])
      if (channel) return problem(bad[channel] === "forbidden" ? 403 : 400, bad[channel]!, {}, { channel })
      return way === "sse" ? new Body(r.signal).answer() : r.query.get("timeout") === "0" ? answer(200, held) : null
    }
    const { client, told } = follow(env, { transports: [way] }, 0)
    const refused: string[] = []
    for (const name of Object.keys(bad)) {
      client.channel(name).subscribe(() => {})
      client.channel(name).on("refused", e => refused.push(`${name}: ${e.code}`))
    }
    for (let i = 0; i < 3; i++) await env.advance(0)
    assert.deepEqual([refused, told], [["secret: forbidden", "a b: bad_channel"], []])
    assert.equal(client.channel("secret").refused?.code, "forbidden")
    assert.notEqual(client.state.status, "refused")
    assert.deepEqual(env.requests.at(-1)!.query.getAll("channel_id"), ["general"])
    assert.equal(env.requests.length, way === "sse" ? 3 : 4) // each is found by one answer
    client.close()
  }
})

test("a channel that is followed alone is refused also if the answer does not name it", async () => {
  const env = new FakeEnv()
  env.serve = () => problem(403, "forbidden")
  const { client, told } = follow(env, { transports: ["sse"] }, 0)
  await env.advance(0)
  assert.deepEqual(told, ["refused forbidden"])
  client.close()
})

test("a subscription that is refused for good is told; one that is refused for now is tried again", async () => {
  const env = new FakeEnv()
  const { client, told } = follow(env)
  client.channel("busy").subscribe(() => {})
  await env.advance(0)
  env.socket.open()
  const key = (channel: string): unknown => env.socket.of("subscribe").find(f => f["channel"] === channel)!["key"]
  env.socket.receive({ type: "error", code: "forbidden", detail: "no", key: key("general") })
  env.socket.receive({ type: "error", code: "rate_limited", detail: "later", key: key("busy"), retry_after_ms: 3000 })
  await env.advance(0)
  assert.deepEqual(told, ["refused forbidden"])
  assert.equal(env.socket.of("subscribe").length, 2)
  await env.advance(3_000)
  assert.deepEqual(env.socket.of("subscribe").map(f => f["channel"]), ["general", "busy", "busy"])
  client.channel("general").on("typing", () => {}) // a new listener asks again
  await env.advance(0)
  assert.equal(env.socket.of("subscribe").length, 4)
  client.close()
})

test("a refused ping is not taken for a refused subscription", async () => {
  const env = new FakeEnv()
  const { client, told } = follow(env)
  await env.advance(0)
  env.socket.open()
  env.socket.receive({ type: "error", code: "forbidden", detail: "no", key: env.socket.of("ping")[0]!["key"] })
  await env.advance(0)
  assert.deepEqual(told, [])
  client.close()
})

test("a right that is lost silences its channel only", async () => {
  const env = new FakeEnv()
  const { client, told } = follow(env)
  await env.advance(0)
  env.socket.welcome()
  env.socket.receive({ type: "forbidden", channel: "general", code: "forbidden" })
  assert.deepEqual(told, ["refused forbidden"])
  client.close()
})

test("a terminal close stops the trying and says so; use and reconnect begin again", async () => {
  const env = new FakeEnv()
  const { client } = follow(env)
  await env.advance(0)
  env.socket.open()
  env.socket.receive({ type: "error", code: "forbidden", detail: "you are banned", hint: "ask an administrator" })
  env.socket.end(4403, "forbidden")
  await env.advance(100_000)
  assert.deepEqual([client.state.status, client.state.error?.message, env.sockets.length], ["refused", "you are banned", 1])
  client.use("websocket")
  await settle()
  assert.equal(env.sockets.length, 2)
  client.close()
  client.reconnect()
  assert.equal(client.state.status, "closed")
})
