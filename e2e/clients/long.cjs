// A channel of 10,000 messages: few nodes in the document, and scrolling up loads history
// without a jump. Arguments: URL, COUNT.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor } = require('./page.cjs')

run(async ({ browser, args: [base, count] }) => {
  const { visit, calm } = visitor(browser, base)
  const alice = await visit({ channel: 'long' }, { viewport: { width: 1100, height: 1400 } })
  await alice.wait(n => document.querySelector(`#log .msg[data-id="${n}"]`), count)
  await alice.page.fill('#name', 'alice') // the list that the guest scrolled does not live on
  await alice.page.press('#name', 'Enter')
  await alice.wait(() => document.getElementById('my-name').textContent === 'alice')
  await alice.wait(n => document.querySelector(`#log .msg[data-id="${n}"]`), count)

  // At each picture on the way to the top: which message ends at which pixel.
  const result = await alice.page.evaluate(async () => {
    const log = document.getElementById('log')
    const frame = () => new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)))
    const places = () => new Map([...log.querySelectorAll('.msg[data-id]')].map(n => [n.dataset.id, Math.round(n.getBoundingClientRect().bottom)]))
    const end = Date.now() + 120000
    let most = 0, moved = 0, loads = 0, frames = 0, slow = 0, steps = 0
    while (!log.querySelector('[data-id="1"]') && Date.now() < end) {
      log.scrollTop = ++steps % 3 ? Math.max(0, log.scrollTop - 700) : 0 // at times to where what is loaded begins
      await frame()
      // Now nobody scrolls: rows are measured, pages of history come in, and nothing may move.
      const before = places()
      const height = log.scrollHeight
      for (let i = 0; i < 3; i++) {
        const at = performance.now()
        await frame()
        frames++
        if (performance.now() - at > 50) slow++
        const now = places()
        most = Math.max(most, now.size)
        for (const [id, y] of before) if (y > 100 && y < 1200) moved = Math.max(moved, Math.abs((now.get(id) ?? Infinity) - y)) // those in sight
      }
      if (log.scrollHeight > height + 1000) loads++
    }
    return { most, moved, loads, frames, slow, first: !!log.querySelector('[data-id="1"]'), top: document.querySelector('.top')?.textContent }
  })
  process.stderr.write(`${JSON.stringify(result)}\n`)
  assert.ok(result.first, 'the first message never came')
  assert.equal(result.top, 'This is the start of the channel.')
  assert.ok(result.most <= 200, `${result.most} message nodes`)
  assert.ok(result.loads > 5, `history came in ${result.loads} times while it was watched`)
  assert.ok(result.moved <= 2, `messages moved by ${result.moved} px`)

  // What comes now does not pull one away from what one reads; the pill says how much it is.
  const place = () => alice.page.evaluate(() => Math.round(document.querySelector('#log [data-id="5"]').getBoundingClientRect().top))
  const before = await place()
  for (let i = 0; i < 3; i++) await fetch(`${base}/api/messages?user=bob&channel_id=long&body=new+${i}`, { method: 'POST' })
  await alice.wait(() => document.getElementById('more').textContent.trim() === '3 new')
  assert.ok(Math.abs(await place() - before) <= 2)
  await alice.page.click('#more')
  await alice.shows(['new 0', 'new 1', 'new 2'])
  assert.ok(await alice.page.isHidden('#more'))
  await calm(alice)
})
