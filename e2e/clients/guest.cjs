// In development a guest looks around, and is asked for a name before anything is said; the name may
// have spaces and accents. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor, looks } = require('./page.cjs')

run(async ({ browser, args: [base] }) => {
  const { visit, calm } = visitor(browser, base)
  const bob = await visit({ user: 'bob' })
  await bob.connected()
  await bob.write('hello')
  await bob.shows(['hello'])
  for (const [look, options] of looks) {
    const guest = await visit({ channel: 'general' }, options)
    await guest.connected()
    await guest.wait(() => document.querySelector('#log .msg .text')?.textContent === 'hello')
    assert.ok(await guest.page.isVisible('#name') && !await guest.page.isVisible('#text'))
    // Of a message only its thread is offered, without a field to write in.
    if (look === 'phone') await guest.page.locator('#log .msg .text').first().tap()
    else await guest.page.hover('#log .msg')
    assert.deepEqual(await guest.page.$$eval('#log .tools button', all => all.map(n => n.getAttribute('aria-label'))), ['Open thread'])
    await guest.page.click('#log .tools button')
    await guest.page.waitForSelector('#thread .msg')
    assert.ok(!await guest.page.isVisible('#reply'))
    await guest.page.click('#unthread')
    // To write to somebody one needs a name.
    if (look === 'phone') await guest.page.tap('#who')
    await guest.page.click('#users [title="Message bob"]')
    await guest.wait(() => document.activeElement.id === 'name')
    await guest.look(`guest-${look}`)

    const [name, user] = { light: ['Zoë Ray', 'zoe-ray'], dark: ['李小龍', ''], phone: ['  Jürgen  O’Neill ', 'jurgen-o-neill'] }[look]
    const read = name.trim().replace(/\s+/g, ' ')
    await guest.write(name, '#name')
    await guest.connected()
    await guest.write(`I am ${look}`)
    await bob.wait(([text, name]) => {
      const last = [...document.querySelectorAll('#log .msg[data-id]')].at(-1)
      return last?.querySelector('.text')?.textContent === text && last.querySelector('.by b')?.textContent === name
    }, [`I am ${look}`, read])
    await bob.wait(name => document.getElementById('users').textContent.includes(name), read)
    await guest.shows([`I am ${look}`])
    assert.equal(await guest.page.locator('#log .by b').last().textContent(), read)
    await guest.page.reload()
    await guest.connected()
    if (look === 'phone') await guest.page.tap('#menu')
    assert.equal(await guest.text('#my-name'), read)
    await guest.page.click('#my-name')
    const account = await guest.text('#account')
    assert.ok(user ? account.includes(` @${user}`) : /@user-[0-9a-z]+/.test(account), account)
    await guest.page.getByRole('button', { name: 'Sign out' }).click()
    await guest.page.waitForSelector('#name', { state: 'visible' })
    assert.equal(await guest.page.inputValue('#name'), '')
    assert.equal(await guest.text('#my-name'), 'Guest')
    await calm(guest)
    await guest.page.context().close()
  }
})
