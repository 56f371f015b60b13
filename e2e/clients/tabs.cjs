// Tabs of the chat page share one connection; what is written offline survives a reload.
// Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { connections, visitor } = require('./page.cjs')

run(async ({ browser, args: [base] }) => {
  const { tab, calm } = visitor(browser, base)
  const context = await browser.newContext()
  const one = connections(context)
  const said = []
  const all = async tabs => { for (const t of tabs) await t.shows(said) }
  const tabs = []
  for (let i = 0; i < 5; i++) tabs.push(await tab(context, { user: 'alice', channel: 'general' }))
  for (const t of tabs) await t.connected()
  for (let i = 0; i < 5; i++) {
    said.push(`from tab ${i}`)
    await tabs[i].write(`from tab ${i}`)
    await all(tabs)
  }
  const leader = await one()

  // The tab that holds it goes: another takes over, and nothing is missing.
  tabs.splice(tabs.findIndex(t => t.page === leader), 1)
  await leader.close()
  said.push('while nobody leads')
  await tabs[3].write('while nobody leads')
  await all(tabs)
  assert.notEqual(await one(), leader)
  for (const t of tabs) assert.deepEqual(await t.lines(), said)
  await calm(...tabs)
  for (const t of tabs) await t.page.close()

  // Offline, three messages, away, online: exactly three, in order.
  const offline = await tab(context, { user: 'carol', channel: 'general' })
  await offline.connected()
  await offline.shows(said)
  await context.setOffline(true)
  await offline.page.click('#link')
  await offline.page.click('#cut')
  await offline.page.keyboard.press('Escape')
  await offline.wait(() => document.getElementById('link').dataset.state !== 'connected')
  for (const text of ['a', 'b', 'c']) await offline.write(text)
  const kept = () => offline.page.evaluate(() => new Promise(resolve => {
    const opening = indexedDB.open('parley')
    opening.onsuccess = () => {
      const asked = opening.result.transaction('outbox').objectStore('outbox').count()
      asked.onsuccess = () => { opening.result.close(); resolve(asked.result) }
    }
  }))
  while (await kept() < 3) await new Promise(resolve => setTimeout(resolve, 50))
  await offline.wait(() => document.querySelectorAll('#log .pending').length === 3)
  await calm(offline)
  await offline.page.goto('about:blank')
  await context.setOffline(false)
  await offline.page.goto(`${base}/?user=carol&channel=general`)
  said.push('a', 'b', 'c')
  await offline.shows(said)
  await offline.page.reload()
  await offline.shows(said)
  assert.deepEqual(await offline.lines(), said)
  await calm(offline)
})
