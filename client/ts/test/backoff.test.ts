import assert from "node:assert/strict"
import { test } from "node:test"
import { backoff } from "../src/backoff.js"
import { seeded } from "./fake.js"

test("the bound of a wait is 0.5, 1, 2, 4, … 30 s", () => {
  const b = backoff(() => 1)
  assert.deepEqual(Array.from({ length: 8 }, () => b.next()), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  b.tries_ = 0
  assert.equal(b.next(), 500)
})

test("waits are spread over all of the bound", () => {
  const random = seeded(7)
  const waits = Array.from({ length: 1000 }, () => backoff(random).next())
  assert.ok(Math.min(...waits) < 25 && Math.max(...waits) > 475 && Math.max(...waits) <= 500)
})

test("what the server asks for is the least", () => {
  const b = backoff(() => 0.5)
  assert.equal(b.next(4000), 4000)
  assert.equal(b.next(100), 500)
})
