// Runs a page of the tutorial on the server's own origin, and tells what it shows.
// Arguments: FILE URL. Every line of the page's list becomes a line on stdout;
// "polling" is said when a long poll was sent, "title …" when the title changes.
// Each line of stdin is evaluated in the page; {"eval": …} is its value.
const { run } = require('../../testenv/clients/browser.cjs')
run(async ({ page, say, heard, args: [file, base] }) => {
  const p = await page()
  await p.route('**/tutorial', route => route.fulfill({ path: file, contentType: 'text/html' }))
  await p.exposeFunction('say', say)
  p.on('request', r => { if (r.url().includes('/api/messages/poll')) say('polling') })
  await p.addInitScript(() => addEventListener('DOMContentLoaded', () => {
    const seen = list => list.forEach(({ addedNodes }) => addedNodes.forEach(n => n.tagName === 'LI' && say(`shown ${n.textContent}`)))
    new MutationObserver(seen).observe(document.getElementById('messages'), { childList: true })
    new MutationObserver(() => say(`title ${document.title}`)).observe(document.head, { childList: true, subtree: true, characterData: true })
    if (document.title === 'open') say('title open')
  }))
  await p.goto(`${base}/tutorial`)
  await p.unroute('**/tutorial') // from here on Chromium is on its own
  say('loaded')
  for (let line; (line = await heard()) !== undefined;) say(JSON.stringify({ eval: await p.evaluate(line) ?? null }))
})
