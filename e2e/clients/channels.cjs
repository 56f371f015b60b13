// Channels are made, described, closed and shared from the page; members are invited, given roles, removed
// and banned. Arguments: URL, tokens of anna and bob, who may do everything and share a direct channel,
// and of zoe, who administers team:* and writes to room:*.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor, looks } = require('./page.cjs')

run(async ({ browser, args: [base, anna, bob, zoe] }) => {
  const { visit, calm } = visitor(browser, base, { expected: /status of 40[134]/ })
  const enter = async (token, query, options) => {
    const v = await visit(query, options)
    await v.page.waitForSelector('#name[type=password]')
    await v.write(token, '#name')
    await v.connected()
    return v
  }
  const ask = async (method, path, body) => {
    const res = await fetch(base + path, { method, body: body && JSON.stringify(body), headers: { Authorization: `Bearer ${anna}` } })
    assert.ok(res.ok, `${method} ${path} ${res.status}`)
    return res.status === 204 ? undefined : res.json()
  }
  const other = await enter(bob, { channel: 'dm:anna:bob' })
  for (const [look, options] of looks) {
    const phone = look === 'phone'
    const v = await enter(anna, { channel: 'general' }, options)
    const { page } = v
    const list = async () => { if (phone) await page.tap('#menu') }
    const details = async () => { await page.click('#info'); await page.waitForSelector('#details .users li') }
    const said = text => v.wait(text => document.querySelector('#details [role=status]').textContent === text, text)

    // The direct channel stands in a section of its own, under the other's name, with a dot.
    await list()
    await v.wait(() => document.querySelector('#channels [data-channel="dm:anna:bob"] .here:not(.off)'))
    assert.deepEqual(await page.$$eval('#channels h3', all => all.map(n => n.textContent)), ['Channels', 'Direct messages'])
    await v.look(`sections-${look}`)

    // A new one, whose name follows its title, for members only.
    const name = `plans-${look}`
    await page.click('#new')
    await page.waitForSelector('#create-title', { state: 'visible' })
    await page.fill('#create-title', `Plans ${look}`)
    assert.equal(await page.inputValue('#create-name'), name)
    await page.getByLabel('Members only').check()
    await v.look(`create-${look}`)
    await page.getByRole('button', { name: 'Create channel' }).click()
    await v.wait(t => document.getElementById('title').textContent === t, `Plans ${look}`)
    await v.wait(n => document.querySelector(`[data-channel="${n}"]`), name)
    await page.waitForSelector('#join', { state: 'hidden' }) // once the page has read who is a member
    assert.equal((await ask('GET', `/api/channels/${name}`)).kind, 'members')
    // The same name is not taken twice.
    await list()
    await page.click('#new')
    await page.fill('#create-title', `Plans ${look}`)
    await page.press('#create-title', 'Enter')
    await v.wait(n => document.querySelector('#create [role=alert]').textContent === `There is already a channel named #${n}.`, name)
    await page.keyboard.press('Escape')
    if (phone) await page.keyboard.press('Escape')

    // What it is about stands under its title.
    await details()
    let answer
    const late = new Promise(resolve => { answer = resolve })
    await page.route('**/members?limit=*', async route => { await late; await route.continue() })
    await page.fill('#edit-topic', 'What comes next, and when')
    await page.click('#edit-save')
    await said('Saved.')
    await v.wait(() => document.getElementById('topic').textContent === 'What comes next, and when')

    // What is typed before an answer comes stays. Somebody is invited, gets a role, is removed and banned; each is what the server says.
    await page.fill('#edit-invite', 'bob')
    answer()
    await v.wait(() => document.getElementById('edit-topic').defaultValue === 'What comes next, and when')
    await page.unroute('**/members?limit=*')
    await page.press('#edit-invite', 'Enter')
    await v.wait(() => document.querySelector('#details [data-user=bob]'))
    await other.wait(n => document.querySelector(`[data-channel="${n}"]`), name)
    await page.selectOption('#details [data-user=bob] select', 'admin')
    await v.wait(() => document.querySelector('#details [data-user=bob] select')?.value === 'admin' && /is admin/.test(document.querySelector('#details [role=status]').textContent))
    assert.deepEqual((await ask('GET', `/api/channels/${name}/members`)).members.map(m => [m.user, m.role]), [['anna', 'owner'], ['bob', 'admin']])
    await v.look(`details-${look}`)
    const ban = page.locator('#details [data-user=bob]').getByRole('button', { name: /^Ban/ })
    await ban.click()
    assert.equal(await ban.textContent(), 'Ban?') // it asks once
    await ban.click()
    await v.wait(() => !document.querySelector('#details [data-user=bob]'))
    await other.wait(n => !document.querySelector(`[data-channel="${n}"]`), name)
    await page.fill('#edit-unban', 'bob')
    await page.press('#edit-unban', 'Enter')
    await said('bob is no longer banned.')
    await page.uncheck('#edit-kind')
    await page.click('#edit-save')
    await v.wait(() => document.querySelector('#details .small').textContent.includes('public'))
    assert.equal((await ask('GET', `/api/channels/${name}`)).kind, 'public')

    // Muted, then left: it may be joined again.
    const muted = async () => (await ask('GET', '/api/channels')).channels.find(c => c.channel === name).muted
    await page.selectOption('#edit-mute', { label: 'Only mentions' })
    await v.wait(n => document.querySelector(`[data-channel="${n}"] .name`)?.textContent.endsWith(' mentions only'), name)
    assert.equal(await muted(), 'mentions')
    await page.selectOption('#edit-mute', { label: 'All messages' })
    await v.wait(n => !/only$/.test(document.querySelector(`[data-channel="${n}"] .name`)?.textContent), name)
    assert.equal(await muted(), false)
    await page.selectOption('#edit-mute', { label: 'Nothing (muted)' })
    await v.wait(n => document.querySelector(`[data-channel="${n}"] .name`)?.textContent.endsWith(' muted'), name)
    const leave = page.locator('#details').getByRole('button', { name: /^Leave channel/ })
    await leave.click()
    await leave.click()
    await said('You left the channel.')
    await page.keyboard.press('Escape')
    await page.waitForSelector('#join', { state: 'visible' })
    await page.click('#join')
    await page.waitForSelector('#join', { state: 'hidden' })
    await calm(v)
    await page.context().close()
  }

  // The two of a direct channel may name it, and there is nobody to invite.
  await other.page.click('#info')
  await other.page.waitForSelector('#edit-title', { state: 'visible' })
  assert.equal(await other.page.locator('#edit-invite, #edit-kind, #edit-unban').count(), 0)
  assert.equal(await other.text('#title'), 'Anna Åkesson')

  // Rights of a token: with `a` for team:*, without for room:*, where a channel begins without a title.
  const z = await enter(zoe, {}, {})
  for (const [channel, may] of [['team:x', true], ['room:x', false]]) {
    await z.page.click('#new')
    await z.page.fill('#create-title', 'With a title')
    await z.page.fill('#create-name', channel)
    await z.page.getByRole('button', { name: 'Create channel' }).click()
    await z.wait(t => document.getElementById('title').textContent === t, may ? 'With a title' : '#room:x')
    await z.page.click('#info')
    await z.page.waitForSelector('#details .users li')
    assert.equal(await z.page.locator('#edit-title').count(), may ? 1 : 0)
    await z.page.keyboard.press('Escape')
  }
  await calm(z, other)
})
