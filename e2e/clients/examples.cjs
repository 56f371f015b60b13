// The examples do what they show. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')

run(async ({ browser, args: [base] }) => {
  const complaints = []
  const axe = require('node:fs').readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
  const open = async path => {
    const p = await (await browser.newContext()).newPage()
    p.setDefaultTimeout(120_000)
    p.on('pageerror', e => complaints.push(`${path}: ${e}`))
    p.on('console', m => complaints.push(`${path}: ${m.text()}`))
    await p.goto(base + path)
    return p
  }
  const check = async p => {
    await p.evaluate(axe)
    const found = await p.evaluate(async () => (await axe.run()).violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(v => `${v.id}: ${v.nodes.map(n => n.target)}`))
    assert.deepEqual(found, [], p.url())
  }
  const shows = (p, want) => p.waitForFunction(want => JSON.stringify([...document.querySelectorAll('#said li')].map(n => n.textContent)) === JSON.stringify(want), want)
  const index = await open('/examples/')
  const links = await index.$$eval('main a', all => all.map(a => a.getAttribute('href')))
  assert.equal(links.length, 4)
  const post = text => fetch(`${base}/api/messages`, { method: 'POST', body: JSON.stringify({ channel_id: 'general', user: 'alice', text }) })
  await post('first')
  const [sse, ws, poll, react] = await Promise.all(links.map(open))
  for (const p of [sse, ws]) await shows(p, ['alice: first'])
  const evil = '<img src=x onerror="document.title = 1">'
  await ws.fill('#text', evil)
  await ws.press('#text', 'Enter')
  for (const p of [sse, ws]) await shows(p, ['alice: first', `visitor: ${evil}`])
  assert.ok((await sse.textContent('#source')).includes('new EventSource'))
  assert.equal((await sse.textContent('#source')).split('\n').length, 9)
  assert.ok((await poll.textContent('#wait')).includes(`${base}/api/messages/poll`))
  assert.ok((await react.textContent('#source')).includes(`new Client("${base}"`))
  for (const p of [index, sse, ws, poll, react]) await check(p)
  assert.deepEqual(complaints, [])
})
