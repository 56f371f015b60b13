// Two tabs of the chat page talk, over a kill of the server that the test does when
// told. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const shots = process.env.PARLEY_SCREENSHOTS

run(async ({ page, say, heard, args: [base] }) => {
  const tab = async (name, options) => {
    const p = await page(options)
    p.setDefaultTimeout(60000)
    await p.goto(`${base}/#general`)
    await open(p)
    await p.fill('#name', name)
    await p.press('#name', 'Enter')
    await p.dispatchEvent('#name', 'change')
    await open(p)
    return p
  }
  const open = p => p.waitForSelector('#state[data-state=open]')
  const lines = p => p.$$eval('.line', all => all.map(line => line.textContent))
  const shows = (p, text) => p.waitForFunction(text => [...document.querySelectorAll('.line:not(.pending), .note')].some(n => n.textContent === text), text)
    .catch(async e => { throw Error(`${JSON.stringify(text)} is not in ${JSON.stringify(await p.innerText('body'))}`, { cause: e }) })
  const write = async (p, text) => {
    await p.fill('#text', text)
    await p.press('#text', 'Enter')
  }
  const shot = async (p, name) => { if (shots) await p.screenshot({ path: `${shots}/${name}.png` }) }

  const alice = await tab('alice', { viewport: { width: 1100, height: 800 }, colorScheme: 'light' })
  assert.match(await alice.textContent('#curl'), /curl .*"channel_id":"general"/)
  assert.equal((await alice.textContent('#curl')).split('\n').length, 3)
  await shot(alice, 'empty-light')
  const bob = await tab('bob', { viewport: { width: 390, height: 780 }, colorScheme: 'dark' })
  await shows(alice, 'bob joined')

  await write(alice, 'hello, bob')
  await shows(bob, 'hello, bob')
  await bob.type('#text', 'hi')
  await alice.waitForFunction(() => document.getElementById('typing').textContent === 'bob is typing')
  await write(bob, 'hi alice')
  await shows(alice, 'hi alice')

  // What users write is text, whatever it looks like.
  const evil = `<script>document.title = 'owned'</script><img src=x onerror="document.title = 'owned'">`
  await write(alice, evil)
  await shows(bob, evil)
  await shows(alice, evil)
  assert.equal(await bob.$('#log script, #log img'), null)
  assert.equal(await bob.title(), '#general · parley')
  await write(bob, 'two\nlines')
  await shows(alice, 'two\nlines')

  // A message written while the server is dead arrives once it is back, once.
  say('kill')
  await heard()
  await alice.waitForSelector('#state[data-state=closed]')
  assert.match(await alice.textContent('#state'), /Next try in \d+ s/)
  await write(alice, 'written while it was dead')
  await alice.waitForSelector('.pending')
  await shot(alice, 'lost-light')
  say('restart')
  await heard()
  for (const p of [alice, bob]) await shows(p, 'written while it was dead')
  await write(bob, 'and on it goes')
  for (const p of [alice, bob]) await shows(p, 'and on it goes')
  const want = ['hello, bob', 'hi alice', evil, 'two\nlines', 'written while it was dead', 'and on it goes']
  for (const p of [alice, bob]) assert.deepEqual(await lines(p), want)
  await shot(alice, 'talk-light')
  await shot(bob, 'talk-dark-phone')

  // A tab that opens now shows the same, and the others see it leave.
  const carol = await tab('carol', { viewport: { width: 1100, height: 800 }, colorScheme: 'dark' })
  await carol.waitForFunction(n => document.querySelectorAll('.line').length === n, want.length)
  assert.deepEqual(await lines(carol), want)
  await shot(carol, 'talk-dark')
  await carol.close()
  await shows(bob, 'carol disconnected')

  // Another channel is another conversation; one that can't be says so.
  await alice.goto(`${base}/#elsewhere`)
  await alice.waitForSelector('#empty:not([hidden])')
  assert.deepEqual(await lines(alice), [])
  await alice.goto(`${base}/#not/a/channel`)
  await alice.waitForFunction(() => document.getElementById('state').textContent.startsWith('Refused:'))
  assert.ok(await alice.isHidden('#curl'), 'curl lines for a channel that the server refused')
  await shot(alice, 'refused-light')
})
