// Notifications while no page is open: the bell subscribes the browser, the server pushes through a push service, the
// service worker shows it, a click opens the channel. The browser's own push service cannot be reached from here: the subscription is that of
// the service (testenv/services/webpush), and what arrives there is handed to the browser by its debugger. Arguments: URL SERVICE URL-WITHOUT-WEB-PUSH.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor } = require('./page.cjs')

run(async ({ browser, args: [base, service, without] }) => {
  const { visit, tab, calm } = visitor(browser, base)
  const call = async (url, method, body) => {
    const res = await fetch(url, { method, body: body && JSON.stringify(body), headers: body && { 'Content-Type': 'application/json' } })
    const text = await res.text()
    assert.ok(res.ok, `${method} ${url}: ${text}`)
    return text ? JSON.parse(text) : undefined
  }
  const say = (user, text, channel_id = 'general') => call(`${base}/api/messages`, 'POST', { channel_id, user, text })
  const devices = async () => (await call(`${base}/api/devices?user=alice`, 'GET')).devices
  let notes, worker
  const until = async (what, f) => {
    for (const end = Date.now() + 100_000; Date.now() < end; await new Promise(resolve => setTimeout(resolve, 50))) {
      const value = await f()
      if (value) return value
    }
    throw Error(`never: ${what}; ${JSON.stringify(await Promise.race([notes?.().then(async all => [all, await worker.evaluate(() => shown)]), new Promise(resolve => setTimeout(resolve, 2000, 'the worker does not answer'))]).catch(String))}, ${context.serviceWorkers().length} workers`)
  }

  // Nothing is asked and nothing subscribed before the bell is pressed.
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, permissions: ['notifications'] })
  let hash = '', subscribed = 0
  await context.exposeFunction('endpoint', async applicationServerKey => {
    subscribed++
    const { data } = await call(`${service}/subscribe`, 'POST', { userVisibleOnly: 'true', applicationServerKey })
    hash = data.clientHash
    return { endpoint: data.endpoint, keys: data.keys }
  })
  await context.addInitScript(() => {
    const known = () => JSON.parse(localStorage.getItem('test-subscription'))
    const one = json => json && { toJSON: () => json, unsubscribe: async () => { localStorage.removeItem('test-subscription'); return true } }
    PushManager.prototype.getSubscription = async () => one(known())
    PushManager.prototype.subscribe = async function ({ userVisibleOnly, applicationServerKey }) {
      if (!userVisibleOnly) throw Error('must show what is pushed')
      if (!known()) localStorage.setItem('test-subscription', JSON.stringify(await endpoint(applicationServerKey)))
      return one(known())
    }
  })
  await call(`${base}/api/channels/general/members/alice?user=alice`, 'PUT', { role: 'member' })
  await say('bob', 'hello')
  const elsewhere = await context.newPage() // of the same server, but not a chat page
  await elsewhere.goto(`${base}/examples/`)
  const cdp = await context.newCDPSession(elsewhere)
  let registrationId
  cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => { for (const r of registrations) if (!r.isDeleted) registrationId = r.registrationId })
  await cdp.send('ServiceWorker.enable')
  let v = await tab(context, { user: 'alice', channel: 'general' })
  await v.connected()
  await v.shows(['hello'])
  assert.equal(await v.page.getAttribute('#bell', 'aria-pressed'), 'false')
  assert.deepEqual([await devices(), subscribed, context.serviceWorkers().length], [[], 0, 0])

  // The bell subscribes; the browser keeps its name over a reload.
  await v.page.click('#bell')
  const [device] = await until('a device', async () => (await devices()).length && devices())
  assert.match(device.id, /^browser-[0-9a-f]{16}$/)
  assert.equal(device.platform, 'webpush')
  await v.wait(() => document.getElementById('bell').title === 'You are notified of new messages, also when parley is closed')
  await v.page.reload()
  await v.connected()
  await v.wait(() => document.getElementById('bell').title.endsWith('closed'))
  assert.deepEqual([(await devices()).map(d => d.id), subscribed], [[device.id], 1])

  // A hidden page leaves it to the push; one whose transport cannot say that it is hidden tells itself.
  const arrived = async () => (await call(`${service}/get-notifications`, 'POST', { clientHash: hash })).data.messages
  await v.page.evaluate(() => {
    globalThis.told = []
    globalThis.Notification = class {
      static permission = 'granted'
      constructor(title, { body }) { told.push(body) }
    }
    Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })
    document.dispatchEvent(new Event('visibilitychange'))
  })
  await until('alice to be hidden', async () => {
    await say('bob', '@alice by push')
    return (await arrived()).length
  })
  const read = v.page.waitForResponse(r => new URL(r.url()).pathname === '/api/channels')
  await say('bob', '@alice by push')
  await (await read).finished()
  assert.deepEqual(await v.page.evaluate(() => told), [])
  await v.page.click('#link')
  await v.page.check('#panel input[value=sse]')
  await v.connected('Server-sent events')
  const { id: last } = await say('bob', '@alice by the page')
  await v.wait(() => told.includes('bob: @alice by the page'))
  await call(`${base}/api/channels/general/read?user=alice`, 'POST', { id: last })

  // Who closed the page gets what is said, through the push service.
  worker = await until('a worker', () => context.serviceWorkers()[0])
  await worker.evaluate(() => { // without a desktop the browser takes notifications back after seconds, unless they wait for somebody
    self.shown = []
    const show = ServiceWorkerRegistration.prototype.showNotification
    ServiceWorkerRegistration.prototype.showNotification = async function (title, options) {
      await show.call(this, title, { ...options, requireInteraction: true })
      shown.push(title)
    }
  })
  await calm(v)
  await v.page.close()
  await until('alice to be away', async () => !(await call(`${base}/api/users/alice/presence?user=bob`, 'GET')).online)
  const before = (await arrived()).length
  const { id } = await say('bob', 'are you there?')
  const data = (await until('a push', async () => (await arrived()).slice(before)[0]))
  const push = JSON.parse(data)
  const { tag } = push
  assert.deepEqual(push, { title: 'bob in general', body: 'are you there?', badge: push.badge, channel: 'general', id, tag, url: '/#general' })
  const deliver = data => cdp.send('ServiceWorker.deliverPushMessage', { origin: base, registrationId, data })
  const shows = async data => { // Chromium forgets a notification if it is asked for all while it shows one
    const count = await worker.evaluate(() => shown.length)
    await deliver(data)
    await until('a notification', () => worker.evaluate(count => shown.length > count, count))
  }
  notes = () => worker.evaluate(async () => (await self.registration.getNotifications()).map(n => [n.title, n.body, n.tag, n.renotify, n.data?.channel]))
  await shows(data)
  assert.deepEqual(await notes(), [['bob in general', 'are you there?', tag, false, 'general']])

  // A repeat makes no sound, a later one does; one that was overtaken and one of another channel do what they must.
  const later = JSON.stringify({ ...push, id: id + 1, body: '2 new messages' })
  await shows(data)
  await shows(later)
  assert.deepEqual(await notes(), [['bob in general', '2 new messages', tag, true, 'general']])
  await deliver(data)
  await shows(JSON.stringify({ ...push, channel: 'ops', tag: 'ops', url: '/#ops', title: 'bob in ops' }))
  assert.deepEqual((await notes()).map(n => n[1]).sort(), ['2 new messages', 'are you there?'])
  await shows('not JSON')
  assert.ok((await notes()).some(n => n[0] === 'parley' && n[1] === 'New messages'))

  // A click opens the channel: a page of its own if there is none, else in the page that is there.
  await worker.evaluate(() => {
    self.did = []
    self.clients.openWindow = async url => void did.push(`opened ${url}`)
    WindowClient.prototype.focus = async function () { did.push('focused'); return this } // both want a finger
  })
  const click = title => worker.evaluate(async title => {
    const notification = (await self.registration.getNotifications()).find(n => n.title === title)
    const event = new NotificationEvent('notificationclick', { notification })
    let work
    event.waitUntil = w => { work = w }
    self.dispatchEvent(event)
    await work
    return did.splice(0)
  }, title)
  assert.deepEqual(await click('bob in ops'), [`opened ${base}/#ops`])
  assert.deepEqual((await notes()).map(n => n[0]).sort(), ['bob in general', 'parley'])
  v = await tab(context, { user: 'alice', channel: 'elsewhere' })
  await v.connected()
  assert.deepEqual(await click('bob in general'), ['focused'])
  await v.wait(() => document.getElementById('title').textContent === '#general' && new URL(location.href).searchParams.get('channel') === 'general')
  await v.wait(() => document.querySelector('#log .msg[data-id]'))

  // Not what somebody looks at.
  await v.page.bringToFront()
  await until('focus', () => worker.evaluate(async () => (await self.clients.matchAll({ type: 'window' })).some(c => c.focused)))
  await deliver(JSON.stringify({ ...push, id: id + 5 }))
  await shows(JSON.stringify({ ...push, id: id + 6, channel: 'ops', tag: 'ops', title: 'after it' }))
  assert.deepEqual((await notes()).map(n => n[0]).sort(), ['after it', 'parley'])

  // The address that a notification opens.
  await v.page.goto(`${base}/?user=alice#general`)
  await v.shows(['are you there?'])
  assert.equal(await v.page.evaluate(() => location.search + location.hash), '?user=alice&channel=general')
  await v.page.evaluate(() => { location.hash = 'ops' })
  await v.wait(() => document.getElementById('title').textContent === '#ops' && !location.hash)

  // The same switch ends it, and so does signing out.
  await v.wait(() => document.getElementById('bell').title.endsWith('closed'))
  await v.page.click('#bell')
  await until('no device', async () => (await devices()).length === 0)
  assert.equal(await v.page.evaluate(() => localStorage.getItem('test-subscription')), null)
  await v.page.click('#bell')
  await until('the device again', async () => (await devices())[0]?.id === device.id)
  await v.wait(() => document.getElementById('bell').title.endsWith('closed'))
  await v.page.click('#my-name')
  await v.page.getByRole('button', { name: 'Sign out' }).click()
  await until('no device of who signed out', async () => (await devices()).length === 0)
  await calm(v)
  await context.close()

  // A server without Web Push: the bell is for the open page.
  const plain = visitor(browser, without)
  const w = await plain.visit({ user: 'alice', channel: 'general' }, { permissions: ['notifications'] })
  await w.connected()
  assert.equal(await w.page.getAttribute('#bell', 'aria-pressed'), 'false') // the browser's permission alone turns nothing on
  await w.page.click('#bell')
  await w.wait(() => document.getElementById('bell').getAttribute('aria-pressed') === 'true')
  assert.equal(await w.page.getAttribute('#bell', 'title'), 'You are notified of mentions and direct messages')
  assert.equal(w.page.context().serviceWorkers().length, 0)
  await plain.calm(w)
})
