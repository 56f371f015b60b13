// The client of /parley.js in a real browser: five tabs that share one connection, and
// messages written offline that survive a reload. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { connections } = require('./page.cjs')

run(async ({ browser, args: [base] }) => {
  const context = await browser.newContext()
  context.setDefaultTimeout(120_000)
  const one = connections(context)
  const tab = async options => {
    const p = await context.newPage()
    p.on('pageerror', e => { throw e })
    await p.goto(`${base}/openapi.json`) // a page without a policy
    await p.evaluate(async options => {
      const { Client } = await import('/parley.js')
      globalThis.parley = new Client(location.origin, options)
      globalThis.room = parley.channel('general', { after: 0 })
      globalThis.texts = []
      room.subscribe(m => texts.push(m.text))
      room.on('reset', () => texts.push('reset'))
    }, options)
    await p.waitForFunction(() => parley.state.status === 'connected')
    return p
  }
  const publish = (p, text) => p.evaluate(text => room.publish({ text }), text)
  const shows = async (p, want) => {
    await p.waitForFunction(n => texts.length >= n, want.length)
    assert.deepEqual(await p.evaluate(() => texts), want)
  }

  // Every transport.
  const want = []
  for (const transport of ['poll', 'long-poll', 'sse', 'websocket']) {
    const p = await tab({ user: 'alice', transports: [transport] })
    want.push(transport)
    await publish(p, transport)
    await shows(p, want)
    assert.equal(await p.evaluate(() => parley.state.transport), transport)
    await p.close()
  }

  // Five tabs, one connection; its tab goes, another's takes its place, and nothing is missing.
  const tabs = []
  for (let i = 0; i < 5; i++) tabs.push(await tab({ user: 'bob', shareTabs: true }))
  for (let i = 0; i < 5; i++) {
    want.push(`from tab ${i}`)
    await publish(tabs[i], `from tab ${i}`)
  }
  for (const p of tabs) await shows(p, want)
  const leads = p => p.waitForFunction(() => parley.state.leader)
  const leader = await one()
  await leads(leader)
  tabs.splice(tabs.indexOf(leader), 1)
  await leader.close()
  want.push('while nobody leads')
  await publish(tabs[3], 'while nobody leads')
  for (const p of tabs) await shows(p, want)
  await leads(await one())
  for (const p of tabs) await p.close()

  // Offline, three messages, reload, online: exactly three, in order.
  const offline = await tab({ user: 'carol', storage: 'indexeddb' })
  await context.setOffline(true)
  await offline.evaluate(() => {
    parley.cut()
    for (const text of ['a', 'b', 'c']) void room.publish({ text })
  })
  const kept = p => p.evaluate(() => new Promise(resolve => {
    const opening = indexedDB.open('parley')
    opening.onsuccess = () => {
      const asked = opening.result.transaction('outbox').objectStore('outbox').count()
      asked.onsuccess = () => { opening.result.close(); resolve(asked.result) }
    }
  }))
  while (await kept(offline) < 3) await new Promise(resolve => setTimeout(resolve, 50))
  assert.deepEqual(await offline.evaluate(() => room.outbox.map(o => o.state)), ['queued', 'queued', 'queued'])
  await offline.close()
  await context.setOffline(false)
  const online = await tab({ user: 'carol', storage: 'indexeddb' })
  want.push('a', 'b', 'c')
  await shows(online, want)
  while (await kept(online) > 0) await new Promise(resolve => setTimeout(resolve, 50))
  await online.reload()
  await online.close()
  const last = await tab({ user: 'carol', storage: 'indexeddb' })
  want.push('d')
  await publish(last, 'd')
  await shows(last, want)
})
