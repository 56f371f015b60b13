// A channel that the visitor may not read: the page says why, keeps what is written, and offers
// one that the credentials allow. With PARLEY_SCREENSHOTS=DIR it is also drawn there. Arguments:
// URL, and tokens of alice (who may read `lobby` and `room:*`), of bob (a member of `team`), of
// carol (nothing but `hall:*`, where nothing is) and of dora (who reads `lobby`, and may not write).
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor } = require('./page.cjs')
const shots = process.env.PARLEY_SCREENSHOTS

run(async ({ browser, args: [base, alice, bob, carol, dora] }) => {
  const { visit, calm } = visitor(browser, base, { expected: /status of 40[134]/ })
  const wide = { viewport: { width: 1280, height: 800 } }, phone = { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true }
  const enter = async (token, query, options) => {
    const v = await visit(query, options)
    await v.page.waitForSelector('#name[type=password]')
    await v.write(token, '#name')
    await v.page.waitForSelector('#text', { state: 'visible' })
    return v
  }
  const axe = require('node:fs').readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
  const check = async v => {
    await v.page.evaluate(axe)
    assert.deepEqual(await v.page.evaluate(async () => (await axe.run(document)).violations.filter(f => ['serious', 'critical'].includes(f.impact)).map(f => f.id)), [])
  }

  for (const [look, options] of [['light', { ...wide, colorScheme: 'light' }], ['dark', { ...wide, colorScheme: 'dark' }], ['phone', { ...phone, colorScheme: 'light' }]]) {
    const v = await enter(alice, { channel: 'secret' }, options)
    await v.page.waitForSelector('#refused [data-offer]')
    assert.match(await v.text('#refused'), /You cannot read this channel.*You are not a member of it, or your access does not include it\./)
    assert.deepEqual((await v.page.$$eval('[data-offer]', all => all.map(n => n.dataset.offer))).sort(), ['lobby', 'room:one'])
    await v.write(`kept on ${look}`)
    await v.wait(() => document.querySelector('#under span').textContent.includes('Your text is kept'))
    assert.equal(await v.page.inputValue('#text'), `kept on ${look}`)
    assert.equal(await v.page.locator('.msg, #empty').count(), 0)
    await check(v)
    if (shots) await v.page.screenshot({ path: `${shots}/refused-${look}.png` })
    await v.page.click('[data-offer=lobby]')
    await v.connected()
    await v.wait(() => new URL(location.href).searchParams.get('channel') === 'lobby' && document.querySelector('#log .msg'))
    assert.equal(await v.page.inputValue('#text'), `kept on ${look}`) // it came along
    assert.equal(await v.page.locator('#refused').count(), 0)
    await v.page.press('#text', 'Enter')
    await v.wait(text => [...document.querySelectorAll('#log .msg[data-id] .text')].at(-1)?.textContent === text, `kept on ${look}`)
    await calm(v)
    await v.page.context().close()
  }

  // What is written before the refusal is known comes back to the composer, over a transport of requests too.
  for (const without of ['', 'WebSocket']) {
    const context = await browser.newContext(wide)
    if (without) await context.addInitScript(() => { delete globalThis.WebSocket })
    let go
    const known = new Promise(resolve => { go = resolve })
    await context.route(without ? '**/api/stream?**' : '**/api/tickets', async r => {
      await known
      await r.continue()
    })
    await context.addInitScript(token => sessionStorage.setItem('parley-token', token), alice)
    const { tab } = visitor(browser, base, { expected: /status of 40[134]/ })
    const v = await tab(context, { channel: 'secret' })
    await v.write('too early')
    go()
    await v.page.waitForSelector('#refused')
    await v.wait(() => document.getElementById('text').value === 'too early')
    await context.close()
  }

  // Who names no channel sees one of their own, or one that the token names, whether or not there is a `general`.
  for (const [token, want] of [[bob, '#team'], [alice, '#lobby']]) {
    const v = await enter(token, {}, wide)
    await v.wait(t => document.getElementById('title').textContent === t && document.querySelector('#log .msg'), want)
    await v.page.context().close()
  }

  // Where there is none, the page says what the access is to, and what is written stays.
  const nowhere = await enter(carol, {}, phone)
  await nowhere.page.waitForSelector('#refused')
  assert.match(await nowhere.text('#refused'), /There is no channel yet that you may read\. Your access is to hall:\*\./)
  await nowhere.page.tap('#refused button')
  await nowhere.page.waitForSelector('#jump input', { state: 'visible' })
  await nowhere.page.keyboard.press('Escape')
  await nowhere.write('hello?')
  assert.equal(await nowhere.page.inputValue('#text'), 'hello?')
  await check(nowhere)
  await nowhere.page.tap('#refused button')
  await nowhere.write('hall:1', '#jump input')
  await nowhere.wait(() => document.getElementById('title').textContent === '#hall:1')
  assert.equal(await nowhere.page.inputValue('#text'), 'hello?')
  await calm(nowhere)

  // Who may read and not write keeps the text too, as a message that is not sent.
  const reader = await enter(dora, { channel: 'lobby' }, wide)
  await reader.connected()
  await reader.write('may I?')
  await reader.wait(() => document.querySelector('#log .failed .text')?.textContent === 'may I?')
  assert.match(await reader.text('#log .failed .why'), /^Not sent: /)
  await calm(reader)

  // A right that is lost while the channel is shown: its messages go, the reason comes, and what is being written stays.
  const member = await enter(bob, { channel: 'team' }, wide)
  await member.connected()
  await member.wait(() => document.querySelector('#log .msg'))
  await member.page.fill('#text', 'half a sent')
  const res = await fetch(`${base}/api/channels/team/members/bob`, { method: 'DELETE', headers: { Authorization: `Bearer ${bob}` } })
  assert.equal(res.status, 204)
  await member.page.waitForSelector('#refused')
  assert.equal(await member.page.locator('.msg').count(), 0)
  assert.equal(await member.page.inputValue('#text'), 'half a sent')
  await calm(member)
})
