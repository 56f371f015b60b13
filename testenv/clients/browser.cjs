// Headless Chromium for the scripts of the end-to-end tests. A script exports
// nothing: it calls run(async ({browser, say, page, heard}) => …) and is told what to do
// on stdin, one line each; its stdout is one line per thing seen.
const { chromium } = require('playwright-core')
const readline = require('node:readline')

const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage',
  '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--hide-scrollbars']

exports.say = (...what) => process.stdout.write(what.map(w => typeof w === 'string' ? w : JSON.stringify(w)).join(' ') + '\n')

exports.run = async script => {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: flags })
  const lines = readline.createInterface({ input: process.stdin })
  const queue = lines[Symbol.asyncIterator]()
  const heard = async () => (await queue.next()).value // undefined when the test is done
  const page = async (options = {}) => {
    const p = await (await browser.newContext(options)).newPage()
    p.setDefaultTimeout(120_000) // the machine may be busy
    p.on('pageerror', e => process.stderr.write(`page error: ${e.stack || e}\n`))
    p.on('console', m => process.stderr.write(`console ${m.type()}: ${m.text()}\n`))
    return p
  }
  try {
    await script({ browser, page, heard, say: exports.say, args: process.argv.slice(2) })
  } catch (e) {
    process.stderr.write(`${e.stack || e}\n`)
    process.exitCode = 1
  }
  await browser.close()
  process.exit()
}
