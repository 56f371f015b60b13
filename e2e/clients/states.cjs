// The page says how things stand: something to say to one person, Join and ↓ only where they make sense, a text
// that is too long, no connection, drafts. The test kills the server when told. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor, looks } = require('./page.cjs')

run(async ({ browser, say, heard, args: [base] }) => {
  const { visit, calm } = visitor(browser, base, { expected: /net::ERR_|Failed to load resource|WebSocket connection to/ })
  const ask = async (method, path, body) => assert.ok((await fetch(base + path, { method, body: JSON.stringify(body) })).ok, path)
  await ask('POST', '/api/messages/batch', Array.from({ length: 60 }, (_, i) => ({ channel_id: 'long', user: 'bob', text: `message ${i}` })))
  await ask('POST', '/api/messages/batch', Array.from({ length: 20 }, () => ({ channel_id: 'team', user: 'bob', text: '@alice look' })))
  for (const channel of ['team', 'quiet']) await ask('PUT', `/api/channels/${channel}/members/alice?user=bob`, { role: 'member' })
  await ask('POST', '/api/messages', { channel_id: 'team', user: 'bob', text: '@alice look' })

  // An empty conversation of two suggests what to say.
  for (const [look, options] of looks) {
    const v = await visit({ user: 'alice', channel: 'dm:alice:zoe' }, options)
    await v.connected()
    await v.page.waitForSelector('#empty')
    assert.ok(!(await v.text('#empty')).includes('curl'))
    await v.look(`empty-direct-${look}`)
    await v.page.getByRole('button', { name: 'Hello, zoe' }).click()
    assert.equal(await v.page.inputValue('#text'), 'Hello, zoe')
    assert.equal(await v.page.evaluate(() => document.activeElement.id), 'text')
    await v.page.fill('#text', '')
    await v.page.context().close()
  }

  const v = await visit({ user: 'alice', channel: 'long' }, { viewport: { width: 1280, height: 800 } })
  const { page } = v
  await v.connected()
  // ↓ is for who scrolled up, and is not carried to a channel with nothing in it, or to one that cannot be read.
  const up = async () => {
    await page.click('[data-channel=long]')
    await page.waitForSelector('#log .msg')
    await page.hover('#log')
    await page.mouse.wheel(0, -600)
    await page.waitForSelector('#more', { state: 'visible' })
  }
  await ask('PUT', '/api/channels/long/members/alice?user=alice', { role: 'member' })
  for (const channel of ['quiet', 'quiet']) {
    await up()
    await page.click(`[data-channel=${channel}]`)
    await page.waitForSelector('#empty')
    assert.ok(!await page.isVisible('#more'))
  }

  // The times of the list stand under each other, next to any badge.
  await page.waitForSelector('[data-channel=team] .count')
  const edges = await page.$$eval('#channels .line > time', all => all.map(n => n.getBoundingClientRect().right))
  assert.ok(edges.length >= 2)
  assert.equal(new Set(edges).size, 1, String(edges))
  const badge = await page.$eval('[data-channel=team] .count', n => [n.getBoundingClientRect().right, getComputedStyle(n).justifySelf])
  assert.deepEqual(badge, [edges[0], 'end']) // and is no wider than what it says

  // Join goes by posting, and returns when somebody removes the user.
  await page.press('#text', 'Control+k')
  await v.write('hall', '#jump input')
  await page.waitForSelector('#join', { state: 'visible' })
  await v.write('hello')
  await page.waitForSelector('#join', { state: 'hidden' })
  await ask('DELETE', '/api/channels/hall/members/alice?user=bob')
  await page.waitForSelector('#join', { state: 'visible' })

  // A text that is too long can be edited, also in a thread; another try would change nothing.
  for (const [field, box] of [['#text', '#log'], ['#reply', '#thread']]) {
    if (box === '#thread') await v.tool('fits now #text', 'Open thread')
    for (const size of [17_000, 140_000]) { // beyond what a message, and what a frame may have
      const long = 'long '.repeat(size / 5)
      await v.write(long, field)
      await page.waitForSelector(`${box} .failed`)
      assert.match(await page.locator(`${box} .failed .why`).innerText(), /^Not sent: too long\. A message has at most 16 KiB\./)
      assert.deepEqual(await page.locator(`${box} .failed button`).allTextContents(), ['Edit', 'Discard'])
      await page.locator(`${box} .failed`).getByRole('button', { name: 'Edit' }).click()
      assert.equal(await page.inputValue(field), long)
      await page.waitForSelector(`${box} .failed`, { state: 'detached' })
    }
    await v.write(`fits now ${field}`, field)
    await v.wait(([box, text]) => [...document.querySelectorAll(`${box} .msg[data-id] .text`)].at(-1)?.textContent === text, [box, `fits now ${field}`])
  }

  // What is begun survives a reload, in a channel and in a thread, and is gone once the visitor has signed out.
  await page.fill('#reply', 'begun there')
  await page.fill('#text', 'begun here')
  await page.reload()
  await v.connected()
  await v.wait(() => document.getElementById('text').value === 'begun here' && document.getElementById('reply').value === 'begun there')
  await page.click('#unthread')

  // Without a server dots and "here now" are gray, and no longer say who is here.
  const shown = () => page.evaluate(() => {
    const dot = getComputedStyle(document.querySelector('#users .here'))
    return [dot.backgroundColor, getComputedStyle(document.getElementById('count')).color]
  })
  await page.waitForSelector('#users .here')
  const there = await shown()
  say('kill')
  await heard()
  await page.waitForSelector('body.offline')
  const away = await shown()
  assert.equal(away[0], 'rgba(0, 0, 0, 0)')
  assert.notEqual(away[1], there[1])
  await v.look('offline')
  assert.ok(await page.isVisible('#way'))
  say('restart')
  await heard()
  await v.connected()
  await v.wait(() => !document.body.classList.contains('offline'))
  assert.deepEqual(await shown(), there)

  await page.click('#my-name')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.waitForSelector('#name', { state: 'visible' })
  assert.deepEqual(await page.evaluate(() => [document.getElementById('text').value, Object.keys(localStorage).filter(k => k.startsWith('parley-drafts'))]), ['', []])
  await calm(v)
})
