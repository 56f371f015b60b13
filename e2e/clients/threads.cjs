// What belongs to one message is shown beside the conversation; names are offered after an
// @; who is away is told from who is here; and who does not look is notified. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor } = require('./page.cjs')

run(async ({ browser, args: [base] }) => {
  const { visit, calm } = visitor(browser, base)
  const post = async body => {
    const res = await fetch(`${base}/api/messages`, { method: 'POST', body: JSON.stringify({ channel_id: 'general', ...body }) })
    assert.ok(res.ok, await res.text())
  }
  await post({ user: 'carol', text: 'long ago' })
  for (let i = 0; i < 70; i++) await post({ user: 'carol', text: `since then ${i}` })
  const alice = await visit({ user: 'alice', channel: 'general' }, { viewport: { width: 1280, height: 800 } })
  const bob = await visit({ user: 'bob', channel: 'general' }, { viewport: { width: 800, height: 700 } })
  for (const v of [alice, bob]) await v.connected()

  // A reply makes a thread, whose count both see; the pane shows it and takes more.
  await bob.write('a question')
  await alice.shows(['a question'])
  await alice.tool('a question', 'Reply')
  await alice.write('one answer')
  const counts = (v, words) => v.wait(w => document.querySelector('#log .thread b')?.textContent === w, words)
  for (const v of [alice, bob]) await counts(v, '1 reply')
  await bob.page.click('#log .thread')
  await bob.thread(['a question', 'one answer'])
  await bob.write('another <b>', '#reply')
  await bob.thread(['a question', 'one answer', 'another <b>'])
  await alice.shows(['a question', 'one answer', 'another <b>'])
  for (const v of [alice, bob]) await counts(v, '2 replies')
  assert.equal(await bob.text('#thread h3'), '2 replies')

  // A reply to a reply is one more in the same thread.
  await alice.tool('another <b>', 'Reply')
  await alice.write('the last one')
  await bob.thread(['a question', 'one answer', 'another <b>', 'the last one'])

  // Changes reach it: an edit with the Up key, a reaction, a deletion.
  await bob.page.press('#reply', 'ArrowUp')
  await bob.write('another one', '#reply')
  await bob.thread(['a question', 'one answer', 'another one (edited)', 'the last one'])
  const first = bob.page.locator('#thread .msg[data-id]').first()
  await first.hover()
  assert.equal(await first.getByRole('button', { name: 'Reply' }).count(), 0)
  await first.getByRole('button', { name: 'React' }).click()
  await bob.page.click('#picker button[aria-label="React with 👀"]')
  await alice.wait(() => document.querySelector('#log .mark')?.textContent === '👀1')
  await bob.wait(() => document.querySelector('#thread .mark[aria-pressed=true]'))
  await alice.tool('one answer', 'Delete')
  await alice.page.click('#log .tools .push')
  await bob.thread(['a question', 'This message was deleted.', 'another one (edited)', 'the last one'])
  for (const v of [alice, bob]) await counts(v, '2 replies')

  // What was begun stays with its thread. Escape closes it, and the focus goes back.
  await bob.page.fill('#reply', 'begun')
  await bob.page.press('#reply', 'Escape')
  await bob.page.waitForSelector('#thread', { state: 'hidden' })
  assert.equal(await bob.page.evaluate(() => document.activeElement.querySelector('.text')?.textContent), 'a question')
  await bob.page.locator('#log .msg .thread').first().press('Enter')
  await bob.thread(['a question', 'This message was deleted.', 'another one (edited)', 'the last one'])
  assert.equal(await bob.page.inputValue('#reply'), 'begun')

  // The address names it: back, forward and a reload do what they say.
  await bob.page.goBack()
  await bob.page.waitForSelector('#thread', { state: 'hidden' })
  await bob.page.goForward()
  await bob.thread(['a question', 'This message was deleted.', 'another one (edited)', 'the last one'])
  await bob.page.reload()
  await bob.thread(['a question', 'This message was deleted.', 'another one (edited)', 'the last one'])
  await bob.page.click('#unthread')

  // A thread whose beginning is not loaded.
  await post({ user: 'carol', text: 'I remember', thread: 1 })
  await alice.shows(['I remember'])
  await alice.tool('I remember', 'Open thread')
  await alice.thread(['long ago', 'I remember'])
  assert.equal(await alice.page.locator('#log .msg[data-id="1"]').count(), 0)
  await alice.page.click('[aria-label="Close thread"]')

  // Names are offered: by the keyboard, and Escape leaves the text alone.
  const active = () => alice.page.evaluate(() => document.getElementById(document.getElementById('text').getAttribute('aria-activedescendant'))?.textContent ?? '')
  await alice.page.fill('#text', '')
  await alice.page.type('#text', 'Hey @')
  await alice.wait(() => document.querySelectorAll('#text-names [role=option]').length === 3)
  assert.match(await active(), /^.?bobhere$/i)
  assert.match(await alice.text('#said'), /^3 names/)
  await alice.page.press('#text', 'ArrowDown')
  assert.match(await active(), /^.?carolaway$/i)
  await alice.page.press('#text', 'Escape')
  assert.ok(await alice.page.isHidden('#text-names'))
  assert.equal(await active(), '')
  assert.equal(await alice.page.evaluate(() => document.activeElement.id), 'text')
  await alice.page.type('#text', 'BO')
  await alice.wait(() => document.querySelectorAll('#text-names [role=option]').length === 1)
  await alice.page.press('#text', 'Enter')
  assert.equal(await alice.page.inputValue('#text'), 'Hey @bob ')
  await alice.page.type('#text', '@car')
  await alice.page.click('#text-names [role=option]')
  assert.equal(await alice.page.inputValue('#text'), 'Hey @bob @carol ')
  assert.equal(await alice.page.evaluate(() => document.activeElement.id), 'text')
  await alice.page.type('#text', 'mail@')
  assert.ok(await alice.page.isHidden('#text-names'))
  await alice.page.press('#text', 'Enter')
  await bob.shows(['Hey @bob @carol mail@'])
  await bob.wait(() => document.querySelector('.mention.me')?.textContent === '@bob')

  // Who is here and who is away: said, not only coloured.
  const people = want => alice.wait(want => document.getElementById('people').innerText.replace(/\s+/g, ' ').trim() === want, want)
  await people('Here now · 2 A alice you B bob Away · 1 C carol away')
  await calm(bob)
  await bob.page.close()
  await people('Here now · 1 A alice you Away · 2 B bob away C carol away')

  // Notifications: of mentions and of what one is told alone, while one looks elsewhere; not when the bell is off.
  const dave = await visit({ user: 'dave', channel: 'general' })
  await dave.connected()
  await dave.page.evaluate(() => {
    globalThis.notes = []
    globalThis.Notification = class {
      static permission = 'granted'
      static requestPermission = async () => 'granted'
      constructor(title, { body }) { notes.push(`${title} | ${body}`) }
    }
  })
  await dave.page.click('#bell')
  await dave.page.waitForSelector('#bell[aria-pressed=true]')
  await dave.write('I am here')
  await dave.page.press('#text', 'Control+k')
  await dave.page.fill('#jump input', 'elsewhere')
  await dave.page.press('#jump input', 'Enter')
  await alice.write('nothing for anybody')
  await alice.write('@dave look')
  await dave.wait(() => notes.length > 0)
  assert.ok((await fetch(`${base}/api/channels/dm:alice:dave?user=alice`, { method: 'PUT', body: '{}' })).ok)
  await post({ channel_id: 'dm:alice:dave', user: 'alice', text: 'only you' })
  await dave.wait(() => notes.length > 1)
  assert.deepEqual(await dave.page.evaluate(() => notes), ['#general | alice: @dave look', 'alice | alice: only you'])
  await dave.page.click('#bell')
  await dave.page.waitForSelector('#bell[aria-pressed=false]')
  await alice.write('@dave again')
  await dave.wait(() => document.querySelector('[data-channel=general] .count')?.textContent === '@ 3')
  assert.equal(await dave.page.evaluate(() => notes.length), 2)

  // The list shows what was said last, also when that is deleted. Channels that were long not looked at are let go.
  await dave.wait(() => document.querySelector('[data-channel=general]').textContent.includes('alice: @dave again'))
  await alice.tool('@dave again', 'Delete')
  await alice.page.click('#log .tools .push')
  await dave.wait(() => document.querySelector('[data-channel=general]').textContent.includes('alice deleted a message'))
  for (let i = 0; i < 13; i++) {
    await alice.page.press('body', 'Control+k')
    await alice.page.fill('#jump input', `room-${i}`)
    await alice.page.press('#jump input', 'Enter')
    await alice.wait(t => document.getElementById('title').textContent === t, `#room-${i}`)
  }
  const here = async () => (await (await fetch(`${base}/api/channels/general/presence`)).json()).users.map(u => u.user)
  while ((await here()).includes('alice')) await new Promise(resolve => setTimeout(resolve, 200))
  await calm(alice, dave)
})
