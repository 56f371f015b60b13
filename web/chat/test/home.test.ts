import assert from "node:assert/strict"
import { test } from "node:test"
import type { Client } from "/parley.js"
import { patterns, readable } from "../home.js"

const token = (channels?: string[]): string => `h.${Buffer.from(JSON.stringify({ sub: "alice", channels })).toString("base64url")}.s`

/** A client for which these channels exist, and may be read. */
function world({ user = "alice", own = [] as string[], open = [] as string[], may = [] as string[], fails = "" }): { client: Client; asked: string[] } {
  const asked: string[] = []
  const client = {
    user,
    inbox: async ({ all }: { all: boolean }) => {
      asked.push(all ? "public" : "own")
      if (fails) throw Object.assign(new Error(fails), { code: fails })
      return { channels: (all ? open : own).map(channel => ({ channel })) }
    },
    request: async (_: string, path: string) => {
      const channel = decodeURIComponent(path.split("/").at(-1)!)
      asked.push(channel)
      if (!may.includes(channel)) throw new Error("forbidden")
    },
  }
  return { client: client as unknown as Client, asked }
}
const names = async (w: { client: Client }, ...rest: [string | undefined, number, string?]): Promise<string[]> => (await readable(w.client, ...rest)).map(o => o.channel)

test("a channel of one's own comes first, and no more is asked than is needed", async () => {
  const w = world({ own: ["gone", "team", "other"], may: ["team", "other", "general"] })
  assert.deepEqual(await names(w, undefined, 1), ["team"])
  assert.deepEqual(w.asked, ["own", "gone", "team", "other"].slice(0, 3))
})

test("then those that the token names, public ones, and the first one of a server, if they may be read", async () => {
  const w = world({ open: ["lobby", "secret"], may: ["hall", "lobby", "general"] })
  assert.deepEqual(await names(w, token(["hall=r", "room:*=rw"]), 3), ["hall", "lobby", "general"])
  assert.deepEqual(await names(w, token(["hall=r"]), 3, "hall"), ["lobby", "general"])
  assert.deepEqual(await names(world({ may: [] }), undefined, 3), [])
})

test("a guest has no channels of their own, a failure is not an end, and who needs a token is told so", async () => {
  const guest = world({ user: "", open: ["lobby"], may: ["lobby"] })
  assert.deepEqual([await names(guest, undefined, 1), guest.asked], [["lobby"], ["public", "lobby"]])
  assert.deepEqual(await names(world({ fails: "unavailable", may: ["general"] }), undefined, 1), ["general"])
  await assert.rejects(names(world({ fails: "unauthorized" }), undefined, 1))
})

test("however many channels may not be read, few are asked about", async () => {
  const w = world({ own: Array.from({ length: 500 }, (_, i) => `c${i}`) })
  assert.deepEqual(await names(w, undefined, 3), [])
  assert.ok(w.asked.length <= 14, `${w.asked.length}`)
})

test("what a token allows is read from it, if it says so", () => {
  assert.deepEqual(patterns(token(["room:*=rw", "lobby"])), ["room:*", "lobby"])
  for (const bad of [undefined, "", "key_x", "a.b.c", token()]) assert.equal(patterns(bad), undefined)
})
