// The list of channels shows what its visitor said last, and in its place: no event tells of
// own messages, and the ack of one comes before it. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor } = require('./page.cjs')

run(async ({ browser, args: [base] }) => {
  const { visit, tab, calm } = visitor(browser, base)
  const ask = (method, path, body) => fetch(base + path, { method, body: JSON.stringify(body) })
  const joins = channel => ask('PUT', `/api/channels/${channel}/members/bob?user=alice`, { role: 'member' })
  const lists = (who, ...want) => who.wait(want => {
    const all = [...document.querySelectorAll('#channels .line')].map(n => `${n.dataset.channel} ${n.querySelector('.small').textContent}`)
    return JSON.stringify(all) === JSON.stringify(want) && !document.querySelector('#channels .count')
  }, want)

  // While everybody else is silent.
  await joins('team')
  const bob = await visit({ user: 'bob', channel: 'general' })
  await bob.connected('WebSocket')
  await bob.write('first')
  await lists(bob, 'general You: first', 'team No messages yet')
  await ask('POST', '/api/messages', { channel_id: 'team', user: 'alice', text: 'hello' })
  await bob.page.waitForSelector('[data-channel=team] .count')
  await bob.page.click('[data-channel=team]')
  await lists(bob, 'team alice: hello', 'general You: first')
  await bob.page.click('[data-channel=general]')
  for (const text of ['second', 'third']) {
    await bob.write(text)
    await lists(bob, `general You: ${text}`, 'team alice: hello')
  }
  assert.deepEqual(await bob.lines(), ['first', 'second', 'third'])

  // An answer that is older than the post is not what stays.
  let release
  const read = new Promise(resolve => bob.page.route('**/api/channels?*', async r => {
    const response = await r.fetch()
    await new Promise(go => resolve(release = go))
    await r.fulfill({ response })
  }, { times: 1 }))
  await joins('other')
  await read
  await bob.write('fourth')
  await bob.shows(['first', 'second', 'third', 'fourth'])
  release()
  await bob.page.waitForSelector('[data-channel=other]')
  await lists(bob, 'general You: fourth', 'team alice: hello', 'other No messages yet')

  // Restored after a reload, while another channel is open; by POST.
  const context = await browser.newContext()
  await context.addInitScript(() => { delete globalThis.WebSocket })
  const again = await tab(context, { user: 'bob', channel: 'general' })
  await again.connected('Server-sent events')
  const posts = does => again.page.route('**/api/messages?*', r => r.request().method() === 'POST' ? does(r) : r.continue())
  await posts(r => r.abort())
  await again.write('fifth')
  await again.wait(() => new Promise(resolve => {
    const opening = indexedDB.open('parley')
    opening.onsuccess = () => {
      const asked = opening.result.transaction('outbox').objectStore('outbox').count()
      asked.onsuccess = () => { opening.result.close(); resolve(asked.result === 1) }
    }
  }))
  await again.page.goto('about:blank')
  await again.page.unroute('**/api/messages?*')
  const restored = new Promise(resolve => posts(resolve))
  await again.page.goto(`${base}/?user=bob&channel=team`)
  await lists(again, 'general You: fourth', 'team alice: hello', 'other No messages yet')
  await (await restored).continue()
  await lists(again, 'general You: fifth', 'team alice: hello', 'other No messages yet')
  await again.page.click('[data-channel=general]')
  await again.shows(['first', 'second', 'third', 'fourth', 'fifth'])
  assert.equal((await again.lines()).length, 5)

  // A guest has the channel that is open, and is not "You".
  const guest = await visit({ channel: 'general' })
  await guest.connected('WebSocket')
  await lists(guest, 'general bob: fifth')
  await ask('POST', '/api/messages', { channel_id: 'general', text: 'sixth' })
  await lists(guest, 'general guest: sixth')
  await calm(bob, again, guest)
})
