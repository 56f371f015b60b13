// Kills the demo's server three times with its own button and demands that all four
// panes go on and lose and repeat nothing. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const names = ['poll', 'longpoll', 'sse', 'websocket']

run(async ({ page, say, args: [base] }) => {
  const p = await page({ viewport: { width: 1280, height: 1100 } })
  await p.goto(base)
  const panes = () => p.evaluate(names => names.map(id => {
    const { received, lost, repeated, first, last } = document.getElementById(id)?.dataset ?? {}
    return { id, received: +received, lost: +lost, repeated: +repeated, first: +first, last: +last }
  }), names)
  // beyond waits until every pane has seen an id above n, and returns the highest of all
  const beyond = async n => {
    await p.waitForFunction(([names, n]) => names.every(id => Number(document.getElementById(id)?.dataset.last) > n), [names, n])
    return Math.max(...(await panes()).map(pane => pane.last))
  }
  let head = await beyond(0)
  for (let kill = 1; kill <= 3; kill++) {
    head = await beyond(head + 5)
    const victim = `#servers li:nth-child(${1 + kill % await p.$$eval('#servers li', all => all.length)})`
    await p.waitForSelector(`${victim}[data-up=true]`)
    const before = Number(await p.getAttribute(victim, 'data-kills'))
    await p.click(`${victim} button`)
    await p.waitForSelector(`${victim}[data-kills="${before + 1}"]`)
    head = await beyond(head + 5)
    say(`kill ${kill}: all go on after ${head}`)
  }
  for (const pane of await panes()) {
    say(pane)
    assert.equal(pane.lost, 0, `${pane.id} lost messages`)
    assert.equal(pane.repeated, 0, `${pane.id} saw messages twice`)
    assert.equal(pane.received, pane.last - pane.first + 1, `${pane.id} counts wrongly`)
    assert.ok(pane.received >= 30, `${pane.id} received too little`)
  }
  for (const line of await p.$$eval('pre', all => all.map(pre => pre.textContent.split('\n').length))) assert.ok(line <= 15)
  if (process.env.PARLEY_SCREENSHOTS) await p.screenshot({ path: `${process.env.PARLEY_SCREENSHOTS}/${base.includes('cluster') ? 'cluster' : 'demo'}.png`, fullPage: true })
})
