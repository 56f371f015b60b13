// Whatever others wrote is shown as text, in every field. Arguments: URL, the visitor's
// token, and a channel whose messages, title and authors are full of markup.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor } = require('./page.cjs')

run(async ({ browser, args: [base, token, script, img] }) => {
  const { visit, calm } = visitor(browser, base, { expected: /status of 401/ })
  const alice = await visit({ channel: 'room' })

  // It asks for a token, and keeps it for this tab only.
  await alice.page.waitForSelector('#name[type=password]')
  assert.equal(await alice.page.getAttribute('#name', 'aria-label'), 'Enter your access token')
  await alice.page.fill('#name', token)
  await alice.page.press('#name', 'Enter')
  await alice.connected()
  assert.deepEqual(await alice.page.evaluate(t => [Object.values(localStorage).includes(t), Object.values(sessionStorage).includes(t)], token), [false, true])

  await alice.wait(() => document.querySelectorAll('#log .msg[data-id]').length >= 4)
  const log = await alice.text('#log')
  for (const what of [script, img, `"evil": "${script}"`]) assert.ok(log.includes(what), `${what} is not in ${log}`)
  await alice.wait(t => document.getElementById('title').textContent === t, img)
  await alice.wait(t => document.querySelector('[data-channel=room] .name').textContent === t, img)
  await alice.wait(t => document.title.includes(t), img)
  await alice.tool(img, 'Reply')
  assert.ok((await alice.text('#about')).includes(img))
  await alice.write(`${script} back`)
  await alice.wait(t => [...document.querySelectorAll('.text')].at(-1)?.textContent === t, `${script} back`)
  assert.ok((await alice.text('.quote')).includes(img))
  await alice.page.press('#text', 'Control+k')
  await alice.page.fill('#jump input', script)
  assert.ok(!(await alice.text('#jump')).includes(`Go to #${script}`), 'such a channel can be made')
  await alice.page.press('#jump input', 'Escape')

  // Links are links only if they lead to the web.
  const links = await alice.page.$$eval('#log a', all => all.map(a => [a.getAttribute('href'), a.rel]))
  assert.deepEqual(links, [['https://example.com/a?b=c', 'noopener noreferrer nofollow ugc']])
  assert.equal(await alice.page.evaluate(() => globalThis.owned), undefined)
  assert.equal(await alice.page.locator('body script, body img, body iframe').count(), 0)
  await calm(alice)

  // In the address too.
  const bad = await visit({ channel: script, user: img })
  await bad.page.waitForSelector('#name')
  await bad.wait(t => document.getElementById('title').textContent.includes(t), script)
  assert.equal(await bad.page.evaluate(() => globalThis.owned), undefined)
  assert.deepEqual(await bad.page.evaluate(() => violations), [])
})
