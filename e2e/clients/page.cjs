// The chat page as a visitor sees it, for the scripts that drive it. Whatever the browser
// complains of (an exception, the console, the page's policy) fails the script, but for
// what a test expects, such as a server that is not there.
const assert = require('node:assert/strict')

/** How long anything may take that will happen, in milliseconds: the machine may be busy. */
const patience = 120_000
const gone = /net::ERR_|Failed to load resource: net|WebSocket connection to/

exports.visitor = (browser, base, { expected = gone } = {}) => {
  const complaints = []
  const watch = p => {
    p.setDefaultTimeout(patience)
    p.on('pageerror', e => complaints.push(`exception: ${e.stack || e}`))
    p.on('console', m => {
      if (m.location().url.includes('/api/push/public-key')) return // there is none on a server without Web Push
      if (['error', 'warning'].includes(m.type()) && !expected.test(m.text())) complaints.push(`console ${m.type()}: ${m.text()}`)
    })
    return p
  }
  const open = async (p, query) => {
    await p.addInitScript(() => {
      globalThis.violations = []
      globalThis.shifted = 0
      new PerformanceObserver(list => { for (const e of list.getEntries()) if (!e.hadRecentInput) shifted += e.value })
        .observe({ type: 'layout-shift', buffered: true })
      document.addEventListener('securitypolicyviolation', e => violations.push(`${e.violatedDirective} ${e.blockedURI}`))
    })
    await p.goto(`${base}/?${new URLSearchParams(query)}`)
    return new Visitor(p)
  }
  return {
    /** A page with cookies and storage of its own. */
    visit: async (query, options = {}) => open(watch(await (await browser.newContext(options)).newPage()), query),
    /** One more tab of a context. */
    tab: async (context, query) => open(watch(await context.newPage()), query),
    calm: async (...visitors) => {
      for (const { page } of visitors) assert.deepEqual(await page.evaluate(() => violations), [])
      assert.deepEqual(complaints, [])
    },
  }
}

const axe = require('node:fs').readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const shots = process.env.PARLEY_SCREENSHOTS

/** The three ways in which each screen is looked at. */
exports.looks = [
  ['light', { viewport: { width: 1280, height: 800 }, colorScheme: 'light' }],
  ['dark', { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' }],
  ['phone', { viewport: { width: 390, height: 780 }, colorScheme: 'light', hasTouch: true, isMobile: true }],
]

class Visitor {
  constructor(page) { this.page = page }

  /** Draws the page, with PARLEY_SCREENSHOTS=DIR, and lets axe look for anything serious. */
  async look(name) {
    if (shots) await this.page.screenshot({ path: `${shots}/${name}.png` })
    await this.page.evaluate(axe) // through the debugger: the page's policy lets nothing in
    assert.deepEqual(await this.page.evaluate(async () => (await globalThis.axe.run(document)).violations.filter(f => ['serious', 'critical'].includes(f.impact))
      .map(f => `${f.id}: ${f.nodes.map(n => `${n.target} ${n.failureSummary}`).join('; ')}`)), [], name)
  }

  connected(transport) {
    return this.page.waitForFunction(t => document.querySelector('#link[data-state=connected]') && (!t || document.getElementById('way').textContent === t), transport)
  }

  /** The texts of the messages in the document, in order, without those under way. */
  lines() { return this.page.$$eval('#log .msg[data-id] .text', all => all.map(n => n.textContent)) }

  /** Waits until these are the last messages. */
  async shows(want) {
    await this.page.waitForFunction(want => {
      const all = [...document.querySelectorAll('#log .msg[data-id] .text')].map(n => n.textContent)
      return JSON.stringify(all.slice(-want.length)) === JSON.stringify(want) && !document.querySelector('#log .pending')
    }, want).catch(async e => { throw Error(`${JSON.stringify(want)} is not what ends ${JSON.stringify(await this.lines())}`, { cause: e }) })
  }

  async write(text, into = '#text') {
    await this.page.fill(into, text)
    await this.page.press(into, 'Enter')
  }

  /** Points at the message with this text and presses one of its tools. */
  async tool(text, label) {
    const message = this.page.locator('#log .msg[data-id]', { has: this.page.getByText(text, { exact: true }) }).last()
    await message.hover()
    await message.getByRole('button', { name: label, exact: true }).click()
  }

  /** Waits until the thread shows these messages. */
  thread(want) {
    return this.wait(want => {
      const all = [...document.querySelectorAll('#thread .msg[data-id]')].map(n => (n.querySelector('.text, .gone') ?? n).textContent)
      return JSON.stringify(all) === JSON.stringify(want) && !document.querySelector('#thread .pending')
    }, want)
  }

  wait(f, value) {
    return this.page.waitForFunction(f, value)
      .catch(async e => { throw Error(`${f} is not so in\n${await this.page.title()}\n${await this.page.innerText('body')}`, { cause: e }) })
  }

  text(selector) { return this.page.textContent(selector) }
}

/**
 * Watches the WebSockets of a context. Returns what waits until there is one, and tells whose
 * it is: a tab that is answered late takes the leader for frozen, so that there may be two
 * for a moment.
 */
exports.connections = context => {
  const sockets = new Map() // open ones, and their pages
  let changed = () => {}
  const drop = gone => {
    for (const [ws, page] of sockets) if (ws === gone || page === gone) sockets.delete(ws)
    changed()
  }
  context.on('page', p => {
    p.on('websocket', ws => {
      sockets.set(ws, p)
      changed()
      ws.on('close', () => drop(ws))
    })
    p.on('close', () => drop(p))
  })
  return () => new Promise(resolve => (changed = () => sockets.size === 1 && resolve([...sockets.values()][0]))())
}
