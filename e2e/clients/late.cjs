// Every answer that the page asks for comes late, after live events: what it shows is what is
// so now. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor } = require('./page.cjs')

run(async ({ browser, args: [base] }) => {
  const { visit, tab, calm } = visitor(browser, base)
  const ask = async (method, path, body) => {
    const res = await fetch(base + path, { method, body: JSON.stringify(body) })
    assert.ok(res.ok, `${method} ${path}: ${res.status}`)
    return res.status === 204 ? undefined : res.json()
  }
  const post = text => ask('POST', '/api/messages', { channel_id: 'general', user: 'bob', text })
  for (const user of ['alice', 'bob']) await ask('PUT', `/api/channels/general/members/${user}`, { user, role: 'member' })
  await ask('PUT', '/api/channels/team/members/alice', { user: 'alice', role: 'member' })
  const [first, second, third] = [await post('first'), await post('second'), await post('third')]

  // bob is here until alice's page has asked who is.
  const bob = await visit({ user: 'bob', channel: 'general' })
  await bob.connected('WebSocket')

  // Answers are taken from the server at once, and handed over when the test says so.
  const context = await browser.newContext()
  const held = [], frames = []
  let late = true, changed = () => {}
  const until = so => new Promise(resolve => (changed = () => so() && resolve())())
  await context.route(/\/api\/(messages|channels)/, async r => {
    if (!late || r.request().method() !== 'GET') return r.continue()
    const response = await r.fetch()
    await new Promise(go => {
      held.push({ path: new URL(r.request().url()).pathname, go })
      changed()
    })
    await r.fulfill({ response })
  })
  context.on('page', p => p.on('websocket', ws => ws.on('framereceived', ({ payload }) => {
    frames.push(JSON.parse(payload))
    changed()
  })))
  const alice = await tab(context, { user: 'alice', channel: 'general' })
  await alice.connected('WebSocket')
  const paths = ['/api/messages', '/api/channels', '/api/channels/general/presence', '/api/channels/general/members']
  await until(() => paths.every(path => held.some(h => h.path === path)))

  // What happens meanwhile comes over the WebSocket.
  await ask('PATCH', `/api/messages/general/${first.id}`, { user: 'bob', text: 'first, corrected' })
  await ask('DELETE', `/api/messages/general/${second.id}`, { user: 'bob' })
  await ask('DELETE', `/api/messages/general/${third.id}`, { user: 'bob' })
  await ask('POST', '/api/messages', { channel_id: 'team', user: 'carol', text: '@alice one' })
  await ask('POST', '/api/messages', { channel_id: 'team', user: 'carol', text: '@alice two' })
  await bob.page.context().close()
  await until(() => frames.some(f => f.type === 'user-left' && f.user === 'bob') && frames.some(f => f.type === 'unread' && f.channel === 'team' && f.unread === 2) &&
    frames.filter(f => f.type === 'message-changed').length === 3)

  late = false
  for (const { go } of held) go()
  await alice.wait(() => document.querySelectorAll('#log .msg[data-id]').length >= 3)
  assert.deepEqual(await alice.page.$$eval('#log .msg[data-id]', all => all.map(n => (n.querySelector('.text, .gone')).textContent)),
    ['first, corrected (edited)', 'This message was deleted.', 'This message was deleted.'])
  await alice.wait(() => !document.querySelector('#users').textContent.includes('bob') && document.querySelector('#users').textContent.includes('alice'))
  await alice.wait(() => document.querySelector('[data-channel=team] .count')?.textContent === '@ 2')
  assert.doesNotMatch(await alice.text('[data-channel=general] .small'), /second|third/)
  await calm(alice)
})
