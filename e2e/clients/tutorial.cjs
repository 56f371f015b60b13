// Runs a page of the tutorial on the server's own origin, and tells what it shows.
// Arguments: FILE URL. Every line of the page's list becomes a line on stdout;
// "polling" is said when a long poll was sent, "title …" when the title changes.
// Each line of stdin is evaluated in the page; {"eval": …} is its value.
const fs = require('node:fs')
const { run } = require('../../testenv/clients/browser.cjs')
run(async ({ page, say, heard, args: [file, base] }) => {
  const p = await page()
  await p.exposeFunction('say', say)
  p.on('request', r => { if (r.url().includes('/api/messages/poll')) say('polling') })
  await p.goto(`${base}/healthz`) // a page of the server's origin without a policy of its own; it is written over
  await p.evaluate(() => {
    // Where an answer takes longer than the interval, the page would ask for the same again, and show it twice.
    globalThis.setInterval = async (call, ms) => { for (;;) await new Promise(resolve => setTimeout(resolve, ms)).then(call) }
    let title
    new MutationObserver(changes => {
      for (const { addedNodes } of changes) addedNodes.forEach(n => n.tagName === 'LI' && say(`shown ${n.textContent}`))
      if (document.title === title) return
      title = document.title
      if (title === 'open' || title === 'closed') say(`title ${title}`)
    }).observe(document, { childList: true, subtree: true, characterData: true })
  })
  await p.setContent(fs.readFileSync(file, 'utf8'))
  for (let line; (line = await heard()) !== undefined;) say(JSON.stringify({ eval: await p.evaluate(line) ?? null }))
})
