// The chat page knows its visitor's channels although no event tells of them: over short
// polls none comes through. The test kills the server when told. Arguments: URL.
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor } = require('./page.cjs')

run(async ({ browser, say, heard, args: [base] }) => {
  const { visit, calm } = visitor(browser, base)
  const bob = await visit({ user: 'bob', channel: 'general' })
  await bob.connected()
  await bob.page.click('#link')
  await bob.page.check('#panel input[value=poll]')
  await bob.connected('Short polling')
  await bob.page.waitForSelector('#join')

  // It asks for them whenever it has connected.
  await fetch(`${base}/api/channels/team/members/bob?user=alice`, { method: 'PUT', body: '{"role":"member"}' })
  await bob.page.click('#cut')
  await bob.page.waitForSelector('[data-channel=team]')
  await bob.page.keyboard.press('Escape')

  // A first message that was written without a server makes a member of him, here after the page has asked.
  say('kill')
  await heard()
  await bob.page.waitForSelector('#link[data-state=waiting]')
  await bob.write('one')
  await bob.page.waitForSelector('#log .pending')
  await bob.page.route('**/api/messages?*', async r => {
    if (r.request().method() === 'POST') await bob.page.waitForResponse(a => new URL(a.url()).pathname === '/api/channels')
    await r.continue()
  })
  await bob.page.waitForSelector('#join')
  say('restart')
  await heard()
  await bob.shows(['one'])
  await bob.page.waitForSelector('#join', { state: 'hidden' })
  await calm(bob)
})
