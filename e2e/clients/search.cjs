// Search in the history of the channel: what is loaded, and more on request; by keyboard and by touch. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor, looks } = require('./page.cjs')

run(async ({ browser, args: [base] }) => {
  const { visit, calm } = visitor(browser, base)
  const batch = async all => {
    const res = await fetch(`${base}/api/messages/batch`, { method: 'POST', body: JSON.stringify(all.map(m => ({ channel_id: 'long', user: 'bob', ...m }))) })
    assert.ok(res.ok, await res.text())
  }
  const texts = Array.from({ length: 900 }, (_, i) => ({ text: `message ${i}` }))
  texts[100] = { text: 'The first needle, long ago' }
  texts[890] = { user: 'carol', text: 'Voilà a NEEDLE in the hay' }
  texts[895] = { text: 'needle and thread'.repeat(1) + '\n'.repeat(3) + 'x'.repeat(300) }
  await batch(texts)

  for (const [look, options] of looks) {
    const phone = look === 'phone'
    const v = await visit({ user: 'alice', channel: 'long' }, options)
    const { page } = v
    await v.connected()
    await v.wait(() => document.querySelector('#log .msg[data-id="900"]'))
    const found = () => page.$$eval('#found [role=option]', all => all.map(n => n.querySelector('.small.cut').textContent.slice(0, 17)))
    const open = async () => {
      if (phone) await page.tap('#seek')
      else {
        await page.focus('#log')
        await page.keyboard.press('/')
      }
      await page.waitForSelector('#search input', { state: 'visible' })
    }

    // "/" opens it, but not where text is written; so does Ctrl+F, and a second one is the browser's own.
    if (!phone) {
      await page.focus('#text')
      await page.keyboard.type('a/b')
      assert.equal(await page.inputValue('#text'), 'a/b')
      await page.fill('#text', '')
      await page.press('#text', 'Control+f')
      assert.ok(await page.isVisible('#search'))
      const own = await page.evaluate(() => {
        const e = new KeyboardEvent('keydown', { key: 'f', ctrlKey: true, bubbles: true, cancelable: true })
        return !document.activeElement.dispatchEvent(e)
      })
      assert.equal(own, false)
      await page.keyboard.press('Escape')
      await page.waitForSelector('#search', { state: 'hidden' })
    }
    await open()
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Search messages')

    // Neither case nor accents matter; all words must be there; the newest comes first, and what was found is marked.
    await page.fill('#search input', 'needle')
    assert.deepEqual(await found(), ['needle and thread', 'Voilà a NEEDLE in'])
    assert.deepEqual(await page.$$eval('#found mark', all => all.map(n => n.textContent)), ['needle', 'NEEDLE'])
    assert.match(await v.text('#search [role=status]'), /^2 found in \d+ messages since Today, /)
    await v.look(`search-${look}`)
    await page.fill('#search input', 'voila hay')
    assert.deepEqual(await found(), ['Voilà a NEEDLE in'])

    // It goes to the message.
    if (phone) await page.tap('#found li')
    else await page.press('#search input', 'Enter')
    await page.waitForSelector('#search', { state: 'hidden' })
    await v.wait(() => document.activeElement.dataset.id === '891')

    // What is not loaded yet is read when the visitor asks for it.
    await open()
    await page.fill('#search input', 'first needle')
    assert.deepEqual(await found(), [])
    assert.match(await v.text('#search [role=status]'), /^None found in /)
    if (phone) await page.getByRole('button', { name: 'Search earlier messages' }).tap()
    else await page.press('#search input', 'Enter')
    await v.wait(() => document.querySelectorAll('#found li').length === 1)
    await page.press('#search input', 'Enter')
    await v.wait(() => document.activeElement.dataset.id === '101')

    // In the end there is nothing more to read.
    await open()
    await page.fill('#search input', 'in no message')
    await v.wait(() => document.querySelector('#search .push').hidden)
    assert.equal(await v.text('#search [role=status]'), 'None found in 900 messages')
    await calm(v)
    await page.context().close()
  }
})
