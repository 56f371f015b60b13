// The admin page over a node with a token: it asks for it, shows figures that move, says
// what was refused, and drains. Arguments: the admin URL, the token.
const assert = require('node:assert/strict')
const axe = require('node:fs').readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const { run } = require('../../testenv/clients/browser.cjs')

run(async ({ page, say, args: [base, token] }) => {
  const p = await page({ viewport: { width: 1100, height: 800 }, bypassCSP: true })
  await p.goto(`${base}/admin`)
  await p.waitForSelector('#state[data-is=ready]')
  await p.waitForSelector('#ask:not([hidden])')
  await p.fill('#token', token)
  await p.keyboard.press('Enter')
  const figure = name => p.waitForFunction(([name]) => {
    const dt = [...document.querySelectorAll('dt')].find(e => e.textContent === name)
    const text = dt?.nextElementSibling.textContent
    return text !== '–' && text
  }, [name]).then(h => h.jsonValue())
  assert.equal(await figure('connections'), '1')
  assert.equal(await figure('users online'), '1')
  assert.match(await figure('memory'), /MiB$/)
  await p.waitForFunction(() => document.querySelector('#refused').textContent.includes('unauthorized'))
  await p.waitForFunction(() => document.querySelector('polyline').getAttribute('points').includes(' '))
  await p.evaluate(axe)
  const found = await p.evaluate(async () => (await axe.run()).violations.filter(v => ['serious', 'critical'].includes(v.impact)).map(v => `${v.id}: ${v.nodes.map(n => n.target)}`))
  assert.deepEqual(found, [])
  if (process.env.PARLEY_SCREENSHOTS) await p.screenshot({ path: `${process.env.PARLEY_SCREENSHOTS}/admin.png`, fullPage: true })
  await p.click('#drain')
  assert.match(await p.textContent('#drain'), /Drain now/)
  await p.click('#drain')
  await p.waitForSelector('#state[data-is=gone]')
  say('drained')
})
