import assert from "node:assert/strict"
import { test } from "node:test"
import { Client, type ParleyError } from "../src/index.js"
import { channels, createChannel, devices, join, leave, members, mute, pushKey, registerDevice, removeDevice, removeMember, setMember } from "../src/rest.js"
import { answer, FakeEnv, jwt, problem } from "./fake.js"

test("membership, mute, channels and devices are the server's requests", async () => {
  const env = new FakeEnv()
  env.serve = r => r.path === "/api/devices" ? answer(200, { devices: [{ id: "phone" }] }) : r.path.endsWith("key") ? answer(200, { key: "k" }) : answer(204)
  const client = new Client("http://parley.test", { env, user: "alice" })
  await join(client, "team:a")
  await setMember(client, "team:a", "b@c", "reader")
  await removeMember(client, "team:a", "b@c")
  await mute(client, "team:a")
  await mute(client, "team:a", "mentions")
  await mute(client, "team:a", false)
  const room = await createChannel(client, "new", { title: "New", kind: "members" })
  assert.equal(room, client.channel("new"))
  await registerDevice(client, "phone", { platform: "fcm", token: "t" })
  assert.deepEqual(await devices(client), [{ id: "phone" }])
  await removeDevice(client, "phone")
  assert.equal(await pushKey(client), "k")
  await leave(client, "team:a")
  const about = "/api/channels/team%3Aa"
  assert.deepEqual(env.requests.map(r => [r.method, r.path, r.body]), [
    ["PUT", `${about}/members/alice`, {}], ["PUT", `${about}/members/b%40c`, { role: "reader" }], ["DELETE", `${about}/members/b%40c`, undefined],
    ["PUT", `${about}/mute`, { muted: true }], ["PUT", `${about}/mute`, { muted: "mentions" }], ["PUT", `${about}/mute`, { muted: false }],
    ["PUT", "/api/channels/new", { title: "New", kind: "members" }], ["PUT", "/api/devices/phone", { platform: "fcm", token: "t" }],
    ["GET", "/api/devices", undefined], ["DELETE", "/api/devices/phone", undefined], ["GET", "/api/push/public-key", undefined],
    ["DELETE", `${about}/members/alice`, undefined],
  ])
  client.close()
})

test("members and channels are read page by page, and no further than they are used", async () => {
  const env = new FakeEnv()
  env.serve = r => {
    const at = r.query.get("next") ?? ""
    const list = r.path === "/api/channels" ? "channels" : "members"
    return answer(200, { [list]: [{ user: `${at}a`, channel: `${at}a` }, { user: `${at}b`, channel: `${at}b` }], ...at.length < 2 && { next: `${at}n` } })
  }
  const client = new Client("http://parley.test", { env, user: "alice" })
  const users: string[] = [], names: string[] = []
  for await (const m of members(client, "general")) users.push(m.user)
  for await (const c of channels(client, { all: true })) names.push(c.channel)
  assert.deepEqual([users, names], [["a", "b", "na", "nb", "nna", "nnb"], ["a", "b", "na", "nb", "nna", "nnb"]])
  assert.equal(env.requests.at(-1)!.query.get("all"), "true")
  const n = env.requests.length
  for await (const m of members(client, "general")) if (m.user === "b") break
  assert.equal(env.requests.length, n + 1)
  client.close()
})

test("a caller whose token was not needed yet is found out before joining; a refusal is a ParleyError", async () => {
  const env = new FakeEnv()
  env.serve = r => r.path === "/api/channels" ? answer(200, { channels: [] }) : problem(403, "forbidden")
  const client = new Client("http://parley.test", { env, getToken: () => jwt({ sub: "carol", exp: env.time / 1000 + 3600, iat: env.time / 1000 }) })
  await assert.rejects(join(client, "secret"), (e: ParleyError) => e.code === "forbidden")
  assert.equal(env.requests.at(-1)!.path, "/api/channels/secret/members/carol")
  client.close()
})
