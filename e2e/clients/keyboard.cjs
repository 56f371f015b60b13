// The page by keyboard alone: the messages are one Tab stop, and what is in one is reached from it. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor, looks } = require('./page.cjs')

run(async ({ browser, args: [base] }) => {
  const { visit, calm } = visitor(browser, base)
  const ask = async (method, path, body) => assert.ok((await fetch(base + path, { method, body: JSON.stringify(body) })).ok, path)
  for (const text of ['first', 'see https://parley.example/', '```\nsome code\n```', 'last']) await ask('POST', '/api/messages', { channel_id: 'general', user: 'bob', text })
  await ask('POST', '/api/messages', { channel_id: 'general', user: 'bob', text: 'a reply', thread: 1 })
  await ask('PUT', `/api/messages/general/2/reactions/${encodeURIComponent('🎉')}?user=bob`)
  for (const channel of ['general', 'other', 'dm:alice:bob']) await ask('PUT', `/api/channels/${channel}/members/alice?user=bob`, { role: 'member' }).catch(() => ask('PUT', `/api/channels/${channel}?user=alice`, {}))

  const v = await visit({ user: 'alice', channel: 'general' }, looks[0][1])
  const { page } = v
  await v.connected()
  await v.wait(() => document.querySelectorAll('#log .msg').length === 5 && document.querySelectorAll('#channels .line').length === 3)
  const at = () => page.evaluate(() => {
    const { activeElement: a } = document
    return a.closest('.msg') ? `${a.closest('.msg').dataset.id}${a.matches('.msg') ? '' : ` ${a.getAttribute('aria-label') ?? a.textContent}`}` : a.id || a.tagName
  })
  const press = async (key, want) => {
    await page.keyboard.press(key)
    await v.wait(() => true)
    assert.equal(await at(), want, key)
  }

  // One stop: the last message first, then the one that had the focus.
  await page.focus('#text')
  await press('Shift+Tab', '5')
  await press('Shift+Tab', 'info')
  await press('Tab', '5')
  await press('ArrowUp', '4')
  await press('ArrowUp', '3')
  await press('ArrowUp', '2')
  await press('Tab', 'text')
  await press('Shift+Tab', '2')

  // Enter goes to the actions, Left and Right around all that can be pressed, Escape back.
  await press('Enter', '2 React')
  await v.look('keyboard-tools')
  await press('ArrowRight', '2 Reply')
  await press('ArrowRight', '2 Open thread')
  await press('ArrowRight', '2 https://parley.example/')
  await press('ArrowRight', '2 🎉 1')
  await press('ArrowRight', '2 React')
  await press('ArrowLeft', '2 🎉 1')
  await page.keyboard.press('Enter')
  await v.wait(() => document.querySelector('.mark[aria-pressed=true]'))
  assert.equal(await at(), '2') // drawn again, it keeps the focus
  await press('ArrowDown', '3')
  await press('Enter', '3 React')
  await press('ArrowLeft', '3 Copy')
  await press('Escape', '3')
  await press('Escape', 'text')
  await press('Escape', '3')

  // What is typed goes to the composer, a question mark shows the shortcuts.
  await page.keyboard.press('?')
  await page.waitForSelector('#keys', { state: 'visible' })
  await v.look('shortcuts-light')
  await page.keyboard.press('Escape')
  await press('h', 'text')
  await page.keyboard.type('ello?')
  assert.equal(await page.inputValue('#text'), 'hello?')
  assert.ok(!await page.isVisible('#keys'))
  await page.keyboard.press('Enter')
  await v.shows(['hello?'])

  // In a thread too.
  await press('Escape', '3')
  for (const n of ['2', '1']) await press('ArrowUp', n)
  await press('Enter', '1 React')
  await press('ArrowRight', '1 Reply')
  await press('ArrowRight', '1 Open thread')
  await page.keyboard.press('Enter')
  await v.wait(() => document.activeElement.id === 'reply' && document.querySelectorAll('#thread .msg').length === 2)
  await page.keyboard.press('Shift+Tab')
  await v.wait(() => document.activeElement.closest('#thread .msg')?.dataset.id === '5')
  await press('Shift+Tab', 'unthread')
  await press('Tab', '5')
  await press('x', 'reply')
  assert.equal(await page.inputValue('#reply'), 'x')
  await page.fill('#reply', '')
  await page.keyboard.press('Shift+Tab')
  await press('Escape', '1') // the thread is closed
  await page.waitForSelector('#thread', { state: 'hidden' })

  // Alt+↑ and ↓ go through the channels, in the order in which they stand.
  const order = await page.$$eval('#channels [data-channel]', all => all.map(n => n.dataset.channel))
  assert.deepEqual([order.length, order[0], order.at(-1)], [3, 'general', 'dm:alice:bob'])
  const shown = channel => v.wait(c => new URL(location.href).searchParams.get('channel') === c && document.activeElement.id === 'text', channel)
  for (const channel of order.slice(1)) {
    await page.keyboard.press('Alt+ArrowDown')
    await shown(channel)
  }
  await page.keyboard.press('Alt+ArrowDown') // there is none below
  await shown(order[2])
  await page.keyboard.press('Alt+ArrowUp')
  await shown(order[1])
  await calm(v)
  await page.context().close()

  for (const [look, options] of looks.slice(1)) {
    const w = await visit({ user: 'alice', channel: 'general' }, options)
    await w.connected()
    if (look === 'phone') await w.page.tap('#menu')
    await w.page.click('#my-name')
    await w.page.getByRole('button', { name: 'Keyboard shortcuts' }).click()
    await w.page.waitForSelector('#keys', { state: 'visible' })
    await w.look(`shortcuts-${look}`)
    await calm(w)
    await w.page.context().close()
  }

  // At 200% zoom all of what opens lies on the screen, or is reached by scrolling.
  const z = await visit({ user: 'alice', channel: 'general' }, { viewport: { width: 640, height: 400 } })
  await z.connected()
  for (const [what, ...clicks] of [['#account', '#menu', '#my-name'], ['#keys', '#account button:has-text("Keyboard shortcuts")'], ['#details', '#info'], ['#panel', '#link'], ['#search', '#seek'],
    ['#jump', '#menu', '#find'], ['#create', '#menu', '#new']]) {
    if (what !== '#keys') for (let i = 0; i < 3; i++) await z.page.keyboard.press('Escape')
    for (const selector of clicks) if (selector !== '#menu' || !await z.page.isVisible('#list')) await z.page.click(selector)
    await z.page.waitForSelector(what, { state: 'visible' })
    if (what === '#details') await z.page.waitForSelector('#details .users li')
    const [top, bottom, last] = await z.page.$eval(what, pop => {
      pop.scrollTop = pop.scrollHeight
      const { top, bottom } = pop.getBoundingClientRect()
      return [top, bottom, pop.lastElementChild.getBoundingClientRect().bottom]
    })
    assert.ok(top >= 0 && bottom <= 400 && last <= bottom, `${what}: from ${top} to ${bottom}, its last part ends at ${last}`)
  }
  await calm(z)
})
