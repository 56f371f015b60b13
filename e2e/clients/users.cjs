// The client of /parley.js in a real browser: two users in two tabs and one after the other, a storage that the
// policy refuses, a second file that does not come, and a clock that is ahead. Arguments: URL, channel, and the tokens of
// alice and bob, valid for an hour.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')

run(async ({ browser, args: [base, channel, alice, bob] }) => {
  const tab = async (context, token, options = {}) => {
    const p = await context.newPage()
    p.setDefaultTimeout(120_000)
    p.on('pageerror', e => { throw e })
    await p.goto(`${base}/openapi.json`) // a page without a policy
    await p.evaluate(async ([token, channel, options]) => {
      const { Client } = await import('/parley.js')
      globalThis.calls = 0
      globalThis.token = token
      globalThis.parley = new Client(location.origin, { getToken: async () => { calls++; return globalThis.token }, ...options })
      globalThis.lost = []
      parley.on('lost', l => lost.push(l.part))
      globalThis.room = parley.channel(channel, { after: 0 })
      globalThis.texts = []
      room.subscribe(m => texts.push(`${m.user}: ${m.text}`))
    }, [token, channel, options])
    await p.waitForFunction(() => parley.state.status === 'connected')
    return p
  }
  const publish = (p, text) => p.evaluate(text => room.publish({ text }), text)
  const shows = async (p, want) => {
    await p.waitForFunction(n => texts.length >= n, want.length)
    assert.deepEqual(await p.evaluate(() => texts), want)
  }

  // Two users, who have nothing but their tokens, share nothing; two tabs of one do.
  const context = await browser.newContext()
  const options = { shareTabs: true, storage: 'indexeddb' }
  const one = await tab(context, alice, options), two = await tab(context, bob, options), three = await tab(context, alice, options)
  assert.deepEqual(await Promise.all([one, two, three].map(p => p.evaluate(() => [parley.user, parley.state.leader]))), [['alice', true], ['bob', true], ['alice', false]])
  const want = []
  for (const [p, user] of [[one, 'alice'], [two, 'bob'], [three, 'alice']]) {
    want.push(`${user}: by ${want.length}`)
    await publish(p, `by ${want.length - 1}`)
  }
  for (const p of [one, two, three]) await shows(p, want)

  await context.close()

  // Everything that keeps something is refused.
  const strict = await browser.newContext()
  await strict.addInitScript(() => {
    const refuse = () => { throw new DOMException('refused by policy', 'SecurityError') }
    for (const name of ['sessionStorage', 'localStorage', 'indexedDB']) Object.defineProperty(window, name, { get: refuse })
    navigator.locks.request = async () => refuse()
    window.BroadcastChannel = class { constructor() { refuse() } }
  })
  const refused = await tab(strict, alice, options)
  want.push('alice: without a storage')
  await publish(refused, 'without a storage')
  await shows(refused, want)
  // A sessionStorage that throws when it is named counts as missing: only the last transport is not remembered.
  assert.deepEqual((await refused.evaluate(() => lost)).sort(), ['storage', 'tabs'])
  await strict.close()

  // The second file of the client does not come: each tab has its own connection, and delivery continues.
  const poor = await browser.newContext()
  await poor.route('**/parley-extras.js?*', r => r.abort())
  const alone = await tab(poor, alice, options), other = await tab(poor, alice, options)
  want.push('alice: without the second file')
  await publish(alone, 'without the second file')
  for (const p of [alone, other]) {
    await shows(p, want)
    assert.deepEqual([(await p.evaluate(() => lost)).sort(), await p.evaluate(() => parley.state.leader)], [['storage', 'tabs'], undefined])
  }
  await poor.close()

  // alice publishes offline, then bob signs in: her message waits for her, and is never his.
  const shared = await browser.newContext()
  let revoked // a token that the server does not take any more
  await shared.route('**/api/**', async r => {
    if (r.request().headers().authorization !== `Bearer ${revoked}`) return r.continue()
    await r.fulfill({ status: 401, contentType: 'application/problem+json', body: '{"status":401,"code":"unauthorized","detail":"the token was revoked"}' })
  })
  const signs = async (p, token, user) => {
    revoked = await p.evaluate(token => { const was = globalThis.token; globalThis.token = token; return was }, token)
    await shared.setOffline(false)
    await p.evaluate(() => parley.reconnect())
    await p.waitForFunction(user => parley.user === user && parley.state.status === 'connected', user)
  }
  const log = async () => (await (await fetch(`${base}/api/messages?channel_id=${channel}`, { headers: { Authorization: `Bearer ${alice}` } })).json()).map(m => `${m.user}: ${m.text}`)
  const turn = await tab(shared, alice, { storage: 'indexeddb' })
  await shared.setOffline(true)
  await turn.evaluate(() => {
    parley.cut()
    void room.publish({ text: 'offline' }).catch(() => {})
  })
  await turn.waitForFunction(() => room.outbox.length === 1)
  await signs(turn, bob, 'bob')
  assert.deepEqual(await turn.evaluate(() => room.outbox), [])
  want.push('bob: another user')
  await publish(turn, 'another user')
  assert.deepEqual(await log(), want)
  want.push('alice: offline')
  await signs(turn, alice, 'alice')
  await turn.waitForFunction(() => room.outbox.length === 0)
  assert.deepEqual(await log(), want)
  await shared.close()

  // The device's clock is two hours ahead: the tokens seem to have ended.
  const ahead = await browser.newContext()
  await ahead.addInitScript(() => {
    const now = Date.now
    Date.now = () => now() + 7_200_000
  })
  const early = await tab(ahead, bob)
  want.push('bob: from the future')
  await publish(early, 'from the future')
  await shows(early, want)
  assert.equal(await early.evaluate(() => calls), 1)
  await ahead.close()
})
