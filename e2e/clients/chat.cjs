// Two visitors of the chat page talk, over a kill of the server that the test does when
// told. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor } = require('./page.cjs')

run(async ({ browser, say, heard, args: [base] }) => {
  const { visit, calm } = visitor(browser, base, { expected: /net::ERR_|Failed to load resource: net|WebSocket connection to|status of 403/ })

  // A visitor without a name sees how to fill the channel, and is asked for one.
  const alice = await visit({}, { viewport: { width: 1100, height: 800 } })
  await alice.page.waitForSelector('#curl')
  assert.equal(await alice.page.evaluate(() => document.activeElement.id), 'name', 'who comes can not type at once')
  assert.match(await alice.text('#curl'), /curl .*"channel_id":"general"/)
  assert.equal((await alice.text('#curl')).split('\n').length, 3)
  await alice.page.fill('#name', '?!')
  await alice.page.press('#name', 'Enter')
  assert.ok(await alice.page.isVisible('#name'), 'a name without a letter was taken')
  await alice.page.fill('#name', 'alice')
  await alice.page.press('#name', 'Enter')
  await alice.connected('WebSocket')
  const bob = await visit({ user: 'bob' }, { viewport: { width: 390, height: 780 } })
  await bob.connected('WebSocket')
  assert.equal(await bob.page.evaluate(() => document.activeElement.id), 'text', 'who comes can not type at once')
  await alice.wait(() => [...document.querySelectorAll('.note')].some(n => n.textContent.includes('bob joined')))
  await alice.wait(() => document.getElementById('count').textContent === 'Here now · 2')

  await alice.write('hello, bob')
  await bob.shows(['hello, bob'])
  let seen = false
  const typing = (async () => { for (let n = 0; n < 100 && !seen; n++) await bob.page.type('#text', 'hi', { delay: 500 }) })() // it is told for some seconds only
  await alice.wait(() => document.getElementById('under').textContent.startsWith('bob is typing'))
  seen = true
  await typing
  await bob.write('hi alice')
  await alice.shows(['hello, bob', 'hi alice'])
  await alice.wait(() => document.getElementById('said').textContent === 'bob: hi alice') // for screen readers
  const evil = `<script>document.title = 'owned'</script><img src=x onerror="document.title = 'owned'">`
  await alice.write(evil)
  await bob.shows([evil])
  await bob.page.fill('#text', 'two')
  await bob.page.press('#text', 'Shift+Enter')
  await bob.page.type('#text', 'lines')
  await bob.page.press('#text', 'Enter')
  await alice.shows(['two\nlines'])

  // Changes reach the other: an edit with the Up key, a reaction, a reply, a deletion.
  await bob.page.press('#text', 'ArrowUp')
  assert.equal(await bob.page.inputValue('#text'), 'two\nlines')
  await bob.write('edited')
  await alice.shows(['edited (edited)'])
  await alice.tool('hi alice', 'React')
  await alice.page.click('#picker button[aria-label="React with 🎉"]')
  await bob.wait(() => document.querySelector('.mark')?.textContent === '🎉1')
  await bob.page.click('.mark')
  await alice.wait(() => document.querySelector('.mark[aria-pressed=true]')?.textContent === '🎉2')
  await alice.tool('hi alice', 'Reply')
  await alice.write('a reply')
  await bob.wait(() => document.querySelector('.quote .cut')?.textContent === 'bob: hi alice')
  await bob.write('soon gone')
  await alice.shows(['soon gone'])
  await bob.tool('soon gone', 'Delete')
  await bob.page.click('.tools .push')
  await alice.wait(() => document.querySelector('.gone')?.textContent === 'This message was deleted.')
  await alice.page.fill('#text', 'begun here') // stays here, whatever else is looked at

  // Five seconds without a server: what is written meanwhile arrives once, in order.
  say('kill')
  await heard()
  await alice.wait(() => /Retrying in \d+ s/.test(document.getElementById('under').textContent))
  for (const text of ['one', 'two', 'three']) await alice.write(text)
  await alice.wait(() => document.querySelectorAll('#log .pending').length === 3)
  await bob.write('from bob')
  say('restart')
  await heard()
  for (const v of [alice, bob]) await v.connected()
  for (const v of [alice, bob]) await v.wait(() => !document.querySelector('.pending') && document.querySelectorAll('#log .msg[data-id] .text').length === 9)
  await bob.write('and on it goes')
  for (const v of [alice, bob]) await v.shows(['and on it goes']) // its author may be the last to have it
  const said = await alice.lines()
  assert.deepEqual(said, await bob.lines())
  assert.deepEqual(said.filter(t => t !== 'from bob'), ['hello, bob', 'hi alice', evil, 'edited (edited)', 'a reply', 'one', 'two', 'three', 'and on it goes'])

  // Who opens it now sees the same, and the others see them leave.
  const carol = await visit({ user: 'carol', channel: 'general' })
  await carol.shows(said)
  assert.deepEqual(await carol.lines(), said)
  await calm(carol)
  await carol.page.close()
  await bob.wait(() => [...document.querySelectorAll('.note')].some(n => n.textContent.includes('carol disconnected')))

  // Another channel is another conversation; coming back, all is as it was.
  await alice.page.fill('#text', 'begun here')
  await alice.page.press('#text', 'Control+k')
  await alice.page.fill('#jump input', 'elsewhere')
  await alice.page.press('#jump input', 'Enter')
  await alice.wait(() => document.getElementById('curl')?.textContent.includes('"channel_id":"elsewhere"'))
  assert.deepEqual(await alice.lines(), [])
  assert.match(alice.page.url(), /channel=elsewhere/)
  await alice.write('first')
  await alice.shows(['first'])
  await bob.write('@alice look here')
  await alice.wait(() => document.querySelector('[data-channel=general] .count.at')?.textContent === '@ 1')
  await alice.wait(() => document.title.startsWith('(1) '))
  await alice.page.click('[data-channel=general]')
  await alice.wait(() => document.querySelector('.new + .msg .text')?.textContent === '@alice look here')
  assert.equal(await alice.page.inputValue('#text'), 'begun here')
  await alice.wait(() => !document.title.startsWith('(') && !document.querySelector('.count')) // it was read
  await alice.page.goBack()
  await alice.shows(['first'])

  // The panel: another transport, and a cut that is survived.
  await alice.page.click('#link')
  await alice.page.check('#panel input[value="long-poll"]')
  await alice.connected('Long polling')

  // What is refused says why, and can be sent again or dropped; also in a thread.
  const refuse = '**/api/messages?*'
  await alice.page.route(refuse, r => r.request().method() !== 'POST' ? r.continue()
    : r.fulfill({ status: 403, contentType: 'application/problem+json', body: JSON.stringify({ status: 403, code: 'forbidden', detail: 'not <now>' }) }))
  await alice.page.keyboard.press('Escape')
  for (const text of ['refused', 'dropped']) {
    await alice.write(text)
    await alice.wait(t => [...document.querySelectorAll('#log .failed')].at(-1)?.textContent.includes(`${t}Not sent: not <now>.`), text)
  }
  await alice.page.locator('#log .failed', { hasText: 'dropped' }).getByRole('button', { name: 'Discard' }).click()
  await alice.wait(() => document.querySelectorAll('#log .failed').length === 1)
  await alice.tool('first', 'Open thread')
  await alice.write('refused reply', '#reply')
  await alice.page.waitForSelector('#thread .failed')
  await alice.page.unroute(refuse)
  await alice.page.locator('#thread .failed').getByRole('button', { name: 'Retry' }).click()
  await alice.thread(['first', 'refused reply'])
  await alice.page.press('#reply', 'Escape')
  await alice.page.locator('#log .failed').getByRole('button', { name: 'Retry' }).click()
  await alice.shows(['first', 'refused reply', 'refused'])

  await alice.page.click('#link')
  await alice.page.check('#panel input[value=""]')
  await alice.connected('WebSocket')
  await alice.page.click('#cut')
  await alice.wait(() => /Lost[^]*goes on after|goes on after[^]*Lost/.test(document.getElementById('panel').textContent))
  await alice.connected('WebSocket')
  await calm(alice, bob)
})
