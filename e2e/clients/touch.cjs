// A phone: every tool of a message works by touch, and goes away with a tap elsewhere.
// Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor } = require('./page.cjs')

run(async ({ browser, args: [base] }) => {
  const { visit, calm } = visitor(browser, base)
  const alice = await visit({ user: 'alice' }, { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true })
  await alice.connected('WebSocket')
  const { page } = alice
  for (const text of ['first', 'second', 'third']) await alice.write(text)
  await alice.shows(['first', 'second', 'third'])

  const message = text => page.locator('#log .msg[data-id]', { has: page.getByText(text, { exact: true }) }).last()
  const tool = async (text, label) => {
    await message(text).locator('.text').tap()
    await message(text).getByRole('button', { name: label, exact: true }).tap()
  }
  await tool('second', 'React')
  await page.locator('#picker button[aria-label="React with 🎉"]').tap()
  await alice.wait(() => document.querySelector('.mark')?.textContent === '🎉1')
  await tool('second', 'Reply')
  await alice.write('a reply')
  await alice.wait(() => document.querySelector('.quote .cut')?.textContent === 'alice: second')
  await tool('first', 'Edit')
  assert.equal(await page.inputValue('#text'), 'first')
  await alice.write('edited')
  await alice.wait(() => [...document.querySelectorAll('#log .msg .text')].some(n => n.textContent === 'edited (edited)'))
  await tool('third', 'Delete')
  await page.locator('#log .tools .push').tap()
  await alice.wait(() => document.querySelector('.gone')?.textContent === 'This message was deleted.')

  // A finger that taps another message moves the tools; one beside the list puts them away.
  await message('a reply').locator('.text').tap()
  assert.equal(await page.locator('#log .tools').count(), 1)
  await page.locator('#text').tap()
  await alice.wait(() => !document.querySelector('#log .tools'))
  await calm(alice)
})
