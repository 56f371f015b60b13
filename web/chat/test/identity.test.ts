import assert from "node:assert/strict"
import { test } from "node:test"
import { draftOf, forgetDrafts, keepDraft } from "../drafts.js"
import { administers, claims, named } from "../identity.js"

function token(payload: object): string {
  return `h.${Buffer.from(JSON.stringify(payload)).toString("base64url")}.s`
}

test("a user is made of any name that people read", () => {
  for (const [text, user, name] of [
    ["alice", "alice", undefined], ["  Alice.B ", "Alice.B", undefined], ["Zoë Ray", "zoe-ray", "Zoë Ray"], ["Zoë  \n Ray", "zoe-ray", "Zoë Ray"],
    ["Jürgen O’Neill", "jurgen-o-neill", "Jürgen O’Neill"], ["\u202eevil one", "evil-one", "evil one"], ["a/b", "a-b", "a/b"], ["x".repeat(128), "x".repeat(128), undefined],
  ] as const) assert.deepEqual(named(text), name === undefined ? { user } : { user, name })
  for (const text of ["", "  ", "?!", "🎉"]) assert.equal(named(text), undefined)
})

test("names that differ in letters that a user cannot have are different users", () => {
  const all = ["李小龍", "李小", "Ольга", "Olga Я", "Olga Ю", "Olga", "channel", "guest", "ß"].map(n => named(n)!.user)
  assert.equal(new Set(all).size, all.length)
  for (const user of all) assert.match(user, /^[A-Za-z0-9-]{1,128}$/)
  assert.ok(!all.includes("channel") && !all.includes("guest"))
  assert.equal(named("李小龍")!.user, all[0]) // the same each time
})

test("what a token says is read as UTF-8, and nothing of what cannot be read", () => {
  assert.equal(claims(token({ name: "Zoë 李" })).name, "Zoë 李")
  for (const bad of [undefined, "", "x", "a.b.c", "a.%%.c"]) assert.deepEqual(claims(bad), {})
})

test("a token administers what its patterns with the right a cover", () => {
  const it = token({ channels: ["room:*=rwa", "lobby=rw", "one=a", "two"] })
  for (const [channel, want] of [["room:", true], ["room:x", true], ["room", false], ["lobby", false], ["one", true], ["one2", false], ["two", false]] as const)
    assert.equal(administers(it, channel), want, channel)
  for (const none of [undefined, token({})]) assert.equal(administers(none, "room"), false)
})

test("drafts are kept for each user and place, the newest fifty, until they are sent or forgotten", () => {
  for (let i = 0; i < 60; i++) keepDraft("alice", `room ${i}`, `draft ${i}`)
  keepDraft("bob", "room 59", "of bob")
  assert.deepEqual(["room 0", "room 9", "room 10", "room 59"].map(r => draftOf("alice", r)), ["", "", "draft 10", "draft 59"])
  keepDraft("alice", "room 59", "")
  assert.equal(draftOf("alice", "room 59"), "")
  for (const name of ["constructor", "__proto__", "7"]) {
    assert.equal(draftOf("alice", name), "")
    keepDraft("alice", name, "begun")
    assert.equal(draftOf("alice", name), "begun")
  }
  forgetDrafts("alice")
  assert.deepEqual([draftOf("alice", "room 20"), draftOf("bob", "room 59")], ["", "of bob"])
})
