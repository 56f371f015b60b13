// The example of client/react in Chromium. Arguments: the folder that Vite made, the server's URL.
const { createServer } = require('node:http')
const { readFileSync } = require('node:fs')
const { extname, join, normalize } = require('node:path')
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }

run(async ({ browser, args: [folder, url] }) => {
  const files = createServer((req, res) => {
    const path = normalize(new URL(req.url, 'http://x').pathname)
    try {
      const body = readFileSync(join(folder, path === '/' ? 'index.html' : path))
      res.writeHead(200, { 'Content-Type': types[extname(path)] ?? 'text/html' }).end(body)
    } catch {
      res.writeHead(404).end()
    }
  })
  await new Promise(resolve => files.listen(0, '127.0.0.1', resolve))
  const errors = []
  const visit = async user => {
    const page = await (await browser.newContext()).newPage()
    page.setDefaultTimeout(120_000)
    page.on('pageerror', e => errors.push(`${e}`))
    page.on('console', m => { // React's warnings; a reader who is not a member has no read pointer to move
      if (/^(error|warning)$/.test(m.type()) && !m.text().startsWith('Failed to load resource')) errors.push(m.text())
    })
    await page.goto(`http://127.0.0.1:${files.address().port}/?server=${encodeURIComponent(url)}&user=${user}`)
    await page.waitForSelector('#status:has-text("connected")')
    return page
  }
  const has = (page, text) => page.waitForFunction(t => document.body.innerText.includes(t), text)

  await fetch(`${url}/api/messages/batch`, {
    method: 'POST',
    body: JSON.stringify(Array.from({ length: 50 }, (_, i) => ({ channel_id: 'general', user: 'poster', text: `line ${i + 1}` }))),
  })
  const alice = await visit('alice'), bob = await visit('bob')
  await has(alice, 'line 50')
  await has(alice, '2 here: ')

  // Paging up: each page comes above, the same message stays in view, each message is there once.
  const ids = () => alice.$$eval('#messages li[data-id]', all => all.map(li => +li.dataset.id))
  assert.deepEqual(await ids(), Array.from({ length: 20 }, (_, i) => i + 31))
  const place = () => alice.$eval('[data-id="31"]', li => Math.round(li.getBoundingClientRect().top))
  const before = await alice.$eval('#messages', ul => { ul.scrollTop = 20; return ul.scrollHeight })
  await alice.waitForFunction(h => document.querySelector('#messages').scrollHeight > h, before)
  const top = await alice.$eval('#messages', ul => ul.getBoundingClientRect().top)
  assert.ok(Math.abs(await place() - top) < 80, 'the message that was in view is still there')
  while (await alice.$('#messages button')) {
    await alice.$eval('#messages', ul => { ul.scrollTop = 0 })
    await alice.$eval('#messages button', b => b.click()).catch(() => {}) // it may go with the page that scrolling loaded
  }
  assert.deepEqual(await ids(), Array.from({ length: 50 }, (_, i) => i + 1))

  // Typing, sending, unread.
  await bob.fill('input', 'hello')
  await has(alice, 'bob typing')
  await bob.click('button:has-text("Send")')
  await has(alice, 'bob: hello')
  await has(bob, 'bob: hello')
  await bob.close()
  await has(alice, '1 here: alice')
  assert.deepEqual(errors, [])
  files.close()
})
