// What people write: lists, quotes, links to channels, names of emoji; and the picker of emoji, by keyboard and by touch. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor, looks } = require('./page.cjs')

run(async ({ browser, args: [base] }) => {
  const { visit, calm } = visitor(browser, base)
  const post = async (user, text, channel_id = 'general') => {
    const res = await fetch(`${base}/api/messages`, { method: 'POST', body: JSON.stringify({ channel_id, user, text }) })
    assert.ok(res.ok, await res.text())
  }
  await post('bob', 'Before the release:\n- read the *notes* in #releases\n- ask @alice\n\nThen:\n1. tag\n2. build')
  await post('carol', '> who builds?\n> and where?\nI do :tada: at 10:30:45, :not_an_emoji:')
  await post('dave', 'مرحبا #releases\n- واحد\n- two')
  await post('dave', 'out', 'releases')

  for (const [look, options] of looks) {
    const phone = look === 'phone'
    const press = (v, selector) => phone ? v.page.tap(selector) : v.page.click(selector)
    const v = await visit({ user: 'alice', channel: 'general' }, options)
    const { page } = v
    await v.connected()
    await v.wait(() => document.querySelectorAll('#log .msg[data-id]').length >= 3)

    assert.deepEqual(await page.$$eval('#log .text ul li', all => all.map(n => n.textContent.trim())), ['read the notes in #releases', 'ask @alice', 'واحد', 'two'])
    assert.deepEqual(await page.$$eval('#log .text ol li', all => all.map(n => [n.value, n.textContent.trim()])), [[1, 'tag'], [2, 'build']])
    assert.equal(await v.text('#log blockquote'), 'who builds?\nand where?\n')
    await v.wait(() => document.querySelectorAll('#log .text span[title=":tada:"]').length === 1) // the names are loaded when the first is shown
    assert.ok((await v.lines())[1].endsWith('I do 🎉 at 10:30:45, :not_an_emoji:'))
    assert.equal(await page.locator('#log .msg .text:not([dir=auto])').count(), 0)
    assert.equal(await page.$eval('#log .msg:nth-of-type(3) .text, #log .msg:last-of-type .text', n => getComputedStyle(n).unicodeBidi), 'plaintext')
    await v.look(`text-${look}`)

    // The picker: what is usual at once, then all of it, which is searched by any word.
    const before = phone ? '' : 'so '
    await page.fill('#text', before)
    await press(v, '#composer .smile')
    await page.waitForSelector('#picker .emojis')
    assert.ok(await page.locator('#picker .grid button').count() > 1800)
    await v.look(`emoji-${look}`)
    const box = await page.locator('#picker').boundingBox()
    const { width, height } = page.viewportSize()
    assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height, JSON.stringify(box))
    await page.fill('#picker input', 'party pop')
    await v.wait(() => document.querySelector('#picker .grid button')?.textContent === '🎉')
    assert.equal(await v.text('#picker [role=status]'), '1 found')
    if (phone) await page.tap('#picker .grid button')
    else await page.press('#picker input', 'Enter')
    await page.waitForSelector('#picker', { state: 'hidden' })
    assert.equal(await page.inputValue('#text'), `${before}🎉`)
    assert.equal(await page.evaluate(() => document.activeElement.id), 'text')
    if (phone) {
      await page.fill('#text', '')
      await calm(v)
      await page.context().close()
      continue
    }

    // Emoji are offered after a colon and two letters, as names are after an @.
    await page.fill('#text', '')
    await page.type('#text', 'well :thumbsu')
    await v.wait(() => document.querySelector('#text-names [role=option]')?.textContent === '👍:+1:')
    await page.press('#text', 'Enter')
    assert.equal(await page.inputValue('#text'), 'well 👍 ')
    await page.type('#text', 'at 10:30 :t')
    assert.ok(await page.isHidden('#text-names'))

    // By keyboard alone: arrows go around, what is typed goes to the search, Escape leaves.
    const focus = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'))
    await page.focus('#composer .smile')
    await page.keyboard.press('Enter')
    await page.waitForSelector('#picker .emojis')
    assert.equal(await focus(), 'Insert 👍')
    await page.focus('#picker input')
    await page.keyboard.press('ArrowDown')
    assert.equal(await focus(), 'grinning')
    await page.keyboard.press('ArrowRight')
    assert.equal(await focus(), 'smiley')
    await page.keyboard.press('ArrowDown')
    const below = await focus()
    assert.equal(await page.$eval('#picker .grid section button:nth-child(10)', n => n.getAttribute('aria-label')), below)
    await page.keyboard.press('End')
    assert.match(await focus(), /^wales$/)
    await page.keyboard.press('Home')
    await page.keyboard.press('ArrowUp')
    assert.equal(await focus(), 'Search emoji')
    await page.keyboard.press('ArrowDown')
    await page.keyboard.type('rocket')
    await v.wait(() => document.querySelector('#picker .grid button')?.textContent === '🚀')
    await page.fill('#picker input', 'nothing at all')
    assert.equal(await v.text('#picker .grid'), 'No emoji found')
    await page.keyboard.press('Escape')
    await page.waitForSelector('#picker', { state: 'hidden' })
    await page.fill('#text', '')

    // A reaction with any emoji.
    const message = page.locator('#log .msg[data-id]').nth(1)
    await message.hover()
    await message.getByRole('button', { name: 'React', exact: true }).click()
    await page.fill('#picker input', 'rocket')
    await page.press('#picker input', 'Enter')
    await v.wait(() => document.querySelector('.mark')?.textContent === '🚀1')
    await page.click('.mark')
    await v.wait(() => !document.querySelector('.mark'))

    // A link to a channel opens it here.
    await page.click('#log li a.mention')
    await v.wait(() => document.getElementById('title').textContent === '#releases' && new URL(location.href).searchParams.get('channel') === 'releases')
    await v.shows(['out'])
    assert.equal(page.context().pages().length, 1)
    await calm(v)
    await page.context().close()
  }
})
