// The first screen on a server that requires a token, what it says of one that is refused, and the
// account with its end and the way out. Arguments: URL, a token of zoe, and one that has expired.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor, looks } = require('./page.cjs')

run(async ({ browser, args: [base, token, expired] }) => {
  const { visit, tab, calm } = visitor(browser, base, { expected: /status of 401/ })

  // A token that is pasted before the server has said that it requires one is not taken for a name.
  const early = await browser.newContext()
  let go
  const known = new Promise(resolve => { go = resolve })
  await early.route('**/api/**', async r => {
    await known
    await r.continue()
  })
  const eager = await tab(early, {})
  assert.ok(await eager.page.isDisabled('#name'))
  const written = eager.write(token, '#name')
  go()
  await written
  await eager.connected()
  assert.deepEqual(await eager.page.evaluate(() => localStorage.getItem('parley-name')), null)
  await calm(eager)
  await early.close()

  for (const [look, options] of looks) {
    const v = await visit({}, options)
    await v.page.waitForSelector('#welcome', { state: 'visible' })
    assert.match(await v.text('#welcome'), /Enter your access token.*Ask the people who run this server.*parley token/)
    assert.equal(await v.page.locator('#welcome [role=alert]').count(), 0) // nothing was refused yet
    for (const hidden of ['#list', '#head', '#log', '#foot']) assert.ok(!await v.page.isVisible(hidden), hidden)
    assert.equal(await v.page.evaluate(() => document.activeElement.id), look === 'phone' ? '' : 'name')
    await v.look(`welcome-${look}`)

    // What is wrong with a token is said next to the field.
    for (const [wrong, why] of [['x.y.z', /^The server refused this access token\./], [expired, /^Your access token expired: /]]) {
      await v.write(wrong, '#name')
      await v.wait(why => new RegExp(why).test(document.querySelector('#welcome [role=alert]')?.textContent), why.source)
      assert.equal(await v.page.inputValue('#name'), '')
      assert.equal(await v.page.evaluate(() => sessionStorage.getItem('parley-token')), null)
    }
    await v.look(`welcome-refused-${look}`)

    await v.write(token, '#name')
    await v.connected()
    assert.ok(!await v.page.isVisible('#welcome'))
    if (look === 'phone') await v.page.click('#menu')
    assert.equal(await v.text('#my-name'), 'Zoë Ray')
    await v.page.click('#my-name')
    assert.match(await v.text('#account'), /^Zoë Ray @zoe.*Signed in until .*\d.*Sign out$/)
    await v.look(`account-${look}`)
    await v.page.getByRole('button', { name: 'Sign out' }).click()
    await v.page.waitForSelector('#welcome', { state: 'visible' })
    assert.equal(await v.text('#welcome [role=alert]'), 'You are signed out.')
    await v.page.reload()
    await v.page.waitForSelector('#welcome', { state: 'visible' })

    // A link signs in while the page is open, too, and leaves the address.
    await v.page.evaluate(token => { location.hash = `token=${token}` }, token)
    await v.connected()
    assert.ok(!v.page.url().includes('token'))
    await calm(v)
    await v.page.context().close()
  }
})
