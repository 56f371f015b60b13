// The chat page in use, in light, dark and on a phone: axe finds nothing serious in it.
// With PARLEY_SCREENSHOTS=DIR it is also drawn there. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor } = require('./page.cjs')
const shots = process.env.PARLEY_SCREENSHOTS

run(async ({ browser, args: [base] }) => {
  const ask = async (method, path, user, body) => {
    const res = await fetch(`${base}${path}?user=${user}`, { method, body: body && JSON.stringify(body) })
    const text = await res.text()
    assert.ok(res.ok, `${method} ${path}: ${text}`)
    return text ? JSON.parse(text) : undefined
  }
  const post = (channel, user, text, more) => ask('POST', '/api/messages', user, { channel_id: channel, text, ...more })
  const react = (m, emoji, ...users) => Promise.all(users.map(u => ask('PUT', `/api/messages/${m.channel}/${m.id}/reactions/${encodeURIComponent(emoji)}`, u)))
  for (const [channel, title] of [['general', 'General'], ['releases', 'Releases']]) await ask('PUT', `/api/channels/${channel}`, 'alice', { title })
  for (const channel of ['random', 'ops', 'releases', 'general']) await ask('PUT', `/api/channels/${channel}/members/alice`, 'alice', { role: 'member' })
  for (const user of ['erin', 'frank']) await ask('PUT', `/api/channels/general/members/${user}`, 'alice', { role: 'member' })

  const candidate = await post('general', 'alice', 'Morning. The release candidate is up: https://parley.example/rc2')
  await ask('PATCH', `/api/messages/general/${candidate.id}`, 'alice', { text: 'Morning. The release candidate is up, with notes: https://parley.example/rc2' })
  await post('general', 'bob', 'Nice. The crash tests ran all night: 400 kills, nothing lost, nothing twice.')
  const docs = await post('general', 'bob', 'One thing, `--fsync interval` wants a line in the docs about what a crash may cost.')
  await react(candidate, '🎉', 'bob', 'carol', 'dave')
  await react(candidate, '👍', 'alice')
  const mistake = await post('general', 'dave', 'wrong window')
  await ask('DELETE', `/api/messages/general/${mistake.id}`, 'dave')
  await post('general', 'carol', 'I can write that. Is this still how a reader goes on?')
  await post('general', 'carol', "```\nfor message := range room.After(cursor) {\n\tshow(message)\n\tcursor = message.ID\n}\n```")
  const answer = await post('general', 'alice', 'Yes. At most 100 ms of messages, and never an id twice.', { thread: docs.id })
  await react(answer, '👀', 'bob')
  await post('general', 'bob', 'And with `commit`, nothing.', { thread: docs.id })
  await post('general', 'erin', 'Where does that line go, operations.md?', { thread: docs.id })
  await post('releases', 'dave', 'Packages for arm64 are built')
  await post('random', 'carol', 'Lunch at one?')
  await post('random', 'bob', 'Yes, the usual place')
  await ask('POST', '/api/channels/general/read', 'alice', { id: 1000 })
  await post('ops', 'dave', '@alice the disk of the second node is at 80 %')
  await post('general', 'carol', '@alice thanks, that goes in as it is.')

  const { visit, calm } = visitor(browser, base)
  const people = []
  for (const user of ['bob', 'carol', 'dave']) people.push(await visit({ user, channel: 'general' }))
  for (const p of people) await p.connected()
  const type = setInterval(() => people[0].page.type('#text', 'a').catch(() => {}), 1000)

  const axe = require.resolve('axe-core/axe.min.js')
  const check = async (v, name) => {
    const found = await v.page.evaluate(async () => {
      const { violations } = await axe.run(document)
      return violations.filter(f => f.impact === 'serious' || f.impact === 'critical').map(f => `${f.id}: ${f.nodes.map(n => `${n.target} ${n.failureSummary}`).join('; ')}`)
    })
    assert.deepEqual(found, [], name)
  }
  const shot = async (v, name) => { if (shots) await v.page.screenshot({ path: `${shots}/${name}.png` }) }
  const look = async (name, options, channel = 'general') => {
    // axe comes in through the debugger: the page's policy lets nothing in, nor may it.
    const v = await visit({ user: 'alice', channel }, options)
    await v.page.evaluate(require('node:fs').readFileSync(axe, 'utf8'))
    await v.connected()
    return v
  }
  const wide = { viewport: { width: 1280, height: 800 } }, phone = { viewport: { width: 390, height: 780 } }
  for (const [name, options] of [['light', { ...wide, colorScheme: 'light' }], ['dark', { ...wide, colorScheme: 'dark' }], ['phone', { ...phone, colorScheme: 'light' }]]) {
    const v = await look(name, options)
    await v.wait(() => document.getElementById('under').textContent.includes('is typing') && document.querySelectorAll('#log .msg').length >= 8)
    const shifted = await v.page.evaluate(() => shifted)
    assert.ok(shifted < 0.01, `${name}: the layout shifted by ${shifted}`)
    await shot(v, `chat-${name}`)
    await check(v, name)
    if (name === 'phone') {
      await v.page.click('#menu')
      await check(v, 'phone, the list')
      await shot(v, 'chat-phone-list')
      await v.page.keyboard.press('Escape')
    } else {
      await v.page.click('#link')
      await check(v, `${name}, the panel`)
      if (name === 'dark') await shot(v, 'chat-panel')
      await v.page.keyboard.press('Escape')
      await v.page.press('#text', 'Control+k')
      await v.page.waitForSelector('#jump li')
      await check(v, `${name}, the jump`)
      await v.page.keyboard.press('Escape')
      await v.tool('Yes. At most 100 ms of messages, and never an id twice.', 'Reply')
      await check(v, `${name}, a reply`)
      await v.page.keyboard.press('Escape')
      await v.page.fill('#text', '')
      await v.page.type('#text', 'Ask @')
      await v.page.waitForSelector('#box .names li')
      await shot(v, `chat-names-${name}`)
      await check(v, `${name}, names`)
      await v.page.fill('#text', '')
    }
    await v.page.click('.thread')
    await v.wait(() => document.querySelectorAll('#thread .msg').length === 4)
    await check(v, `${name}, a thread`)
    if (name !== 'dark') await shot(v, name === 'phone' ? 'chat-phone-thread' : 'chat-thread')
    await v.page.keyboard.press('Escape')
    await v.page.waitForSelector('#thread', { state: 'hidden' })
    await calm(v)
    await v.page.context().close()
  }
  clearInterval(type)
  for (const scheme of ['light', 'dark']) {
    const v = await look(scheme, { ...wide, colorScheme: scheme }, `nothing-${scheme}`)
    await v.page.waitForSelector('#curl')
    await check(v, `${scheme}, empty`)
    if (scheme === 'light') await shot(v, 'chat-empty')
    // The switch wins over the system, and is remembered.
    await v.page.click('#theme')
    await v.page.click('#theme')
    assert.equal(await v.page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(17, 21, 20)')
    await v.page.reload()
    assert.equal(await v.page.evaluate(() => document.documentElement.dataset.theme), 'dark')
    await v.page.context().close()
  }
})
