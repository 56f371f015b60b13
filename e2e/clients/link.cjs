// A link with a token signs in: the token leaves the address, and the tab keeps it over a reload.
// Arguments: URL, and a token of alice.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')

run(async ({ browser, args: [base, token] }) => {
  const page = await browser.newPage()
  await page.goto(`${base}/#token=${token}`)
  await page.waitForFunction(() => document.getElementById('my-name').textContent === 'Alice')
  assert.equal(await page.evaluate(() => location.href), `${base}/`)
  assert.equal(await page.evaluate(() => document.getElementById('identity').hidden), true)
  await page.reload()
  await page.waitForFunction(() => document.getElementById('my-name').textContent === 'Alice')
})
