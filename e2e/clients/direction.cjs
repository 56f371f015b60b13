// Names and texts that are written from right to left, or that would turn what stands around
// them, keep that to themselves. With PARLEY_SCREENSHOTS=DIR the page is also drawn there.
// Arguments: URL, and the tokens of alice, of mark, whose name turns what follows it, and of noor.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor } = require('./page.cjs')
const WebSocket = require('ws')
const shots = process.env.PARLEY_SCREENSHOTS

const evil = '\u202eEvil\u2069 Mark', shown = 'Evil Mark', arabic = 'مرحبا بالعالم!'

run(async ({ browser, args: [base, token, mark, noor] }) => {
  const ask = async (who, method, path, body) => {
    const res = await fetch(base + path, { method, body: JSON.stringify(body), headers: { Authorization: `Bearer ${who}`, 'Content-Type': 'application/json' } })
    assert.ok(res.ok, `${method} ${path}: ${res.status} ${await res.clone().text()}`)
    return res.status === 204 ? undefined : res.json()
  }
  const post = (channel, text, more) => ask(mark, 'POST', '/api/messages', { channel_id: channel, text, ...more })
  for (const channel of ['general', 'team']) await ask(token, 'PUT', `/api/channels/${channel}/members/alice`, { role: 'member' })
  await ask(token, 'PUT', '/api/channels/team', { title: evil })
  const root = await post('general', arabic)
  await post('general', `with a link https://a.example/ and \u202e turned`)
  await post('general', 'a reply', { thread: root.id })
  await post('general', `two lines: hello!\n${arabic}`)
  await post('team', 'Hello \u202eturned')
  await ask(noor, 'POST', '/api/messages', { channel_id: 'general', text: 'أهلا @alice, see `code`.' })

  const { visit, calm } = visitor(browser, base, { expected: /status of 401/ })
  const looks = [['light', { width: 1280, height: 800 }], ['dark', { width: 1280, height: 800 }], ['phone', { width: 390, height: 780 }]]
  for (const [look, viewport] of looks) {
    const alice = await visit({ channel: 'general' }, { viewport, colorScheme: look === 'dark' ? 'dark' : 'light' })
    await alice.page.waitForSelector('#name[type=password]')
    await alice.write(token, '#name')
    await alice.connected('WebSocket')
    await alice.wait(() => document.querySelectorAll('#log .msg[data-id]').length === 5 && document.querySelectorAll('#channels .line').length === 2)
    // mark is here, and types.
    const socket = new WebSocket(`${base.replace('http', 'ws')}/ws/chat/general?token=${mark}`)
    await new Promise(resolve => { socket.onopen = resolve })
    const typing = setInterval(() => socket.send('{"type":"typing"}'), 500)
    await alice.wait(name => document.querySelector('#under span').textContent === `${name} is typing`, shown)
    await alice.wait(name => document.getElementById('users').textContent.includes(name), shown)
    await alice.wait(name => [...document.querySelectorAll('.note')].some(n => n.textContent.includes(`${name} joined`)), shown)
    if (look !== 'phone') {
      await alice.tool(arabic, 'Reply')
      await alice.wait(name => document.querySelector('#about').textContent.startsWith(`Reply to ${name}: `), shown)
    }
    if (shots) await alice.page.screenshot({ path: `${shots}/direction-${look}.png` })

    // Each text of theirs is in an element of its own direction, and nothing of the page's words is with it.
    const loose = await alice.page.evaluate(([name, arabic]) => {
      const found = []
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
      for (let node; (node = walker.nextNode());) {
        const text = node.textContent
        if (!text.includes(name) && !/[\u0600-\u06ff\u202e]/.test(text) || node.parentElement.closest('style, script')) continue
        const own = node.parentElement.closest('bdi, [dir]')
        if (!own) found.push(`${node.parentElement.outerHTML}`)
        else if (own.tagName === 'BDI' && (/[\u202a-\u202e\u2066-\u2069]/.test(own.textContent) || text.includes(name) && own.textContent !== name)) found.push(`with it: ${own.outerHTML}`)
      }
      for (const node of document.body.querySelectorAll('*')) for (const { name: key, value } of node.attributes)
        if (/[\u202a-\u202e]/.test(value) || value.includes(name) && !value.includes(`\u2068${name}\u2069`)) found.push(`${key}=${value}`)
      if (/[\u202a-\u202e]/.test(document.title)) found.push(document.title)
      return found
    }, [shown, arabic])
    assert.deepEqual(loose, [], look)

    // The exclamation mark is at the end of what is read from right to left, and of what is not.
    const places = await alice.page.evaluate(() => [...document.querySelectorAll('#log .msg[data-id] .text')].flatMap(text => {
      const node = text.firstChild
      return [...node.textContent.matchAll(/!/g)].map(({ index }) => {
        const place = i => { const r = new Range(); r.setStart(node, i); r.setEnd(node, i + 1); return r.getBoundingClientRect().left }
        return [node.textContent.slice(Math.max(0, index - 3), index + 1), place(index) > place(index - 1)]
      })
    }))
    assert.deepEqual(places, [['الم!', false], ['llo!', true], ['الم!', false]])

    clearInterval(typing)
    socket.close()
    await alice.wait(name => [...document.querySelectorAll('.note')].some(n => n.textContent.includes(`${name} disconnected`)), shown)
    assert.equal(await alice.page.$$eval('.note bdi', (all, name) => all.every(n => n.textContent === name), shown), true)
    await calm(alice)
    await alice.page.context().close()
  }
})
