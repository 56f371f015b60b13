// Code in colors: what is loaded for it and when, that its text stays what it is, contrast, and texts on which the rules of a language
// never end. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor, looks } = require('./page.cjs')

const go = '// After tells what follows a cursor.\nfunc (r *Room) After(cursor uint64) iter.Seq[Message] {\n\tif r == nil {\n\t\treturn none("no room", 404)\n\t}\n\treturn r.log.after(cursor)\n}'
const html = '<p class="note" onclick="show(1)">a &amp; b</p>\n<script>globalThis.owned = 1</script>\n<img src=x onerror="owned = 2">'
const diff = '@@ -1,2 +1,2 @@\n-old line\n+new line'
const python = '@cached\ndef read(path: str) -> int:\n    """How many lines."""\n    return len(open(path).readlines()) if path else None  # TODO: close'
const endless = `<a${'   b'.repeat(60)}` // 3^60 ways to part the spaces

run(async ({ browser, args: [base] }) => {
  const { visit, calm } = visitor(browser, base)
  const post = async (text, channel_id) => {
    const res = await fetch(`${base}/api/messages`, { method: 'POST', body: JSON.stringify({ channel_id, user: 'bob', text }) })
    assert.ok(res.ok, await res.text())
  }
  const fenced = (code, language) => `\`\`\`${language}\n${code}\n\`\`\``
  await post(fenced(go, ''), 'plain')
  for (const [code, language] of [[go, 'go'], [python, 'python'], [html, 'html'], [diff, 'diff'], ['main = return ()', 'haskell']]) await post(fenced(code, language), 'general')
  await post(fenced(endless, 'html'), 'endless')
  await post(fenced(go, 'go'), 'endless')

  for (const [look, options] of looks) {
    const v = await visit({ user: 'alice', channel: 'plain' }, options)
    const { page } = v
    const loaded = []
    page.on('request', r => { if (new URL(r.url()).pathname === '/code.js') loaded.push(r.url()) })
    const kinds = nth => page.locator('#log .text pre').nth(nth).locator('span').evaluateAll(all => all.map(n => `${n.className} ${n.textContent}`))
    const texts = () => page.$$eval('#log .text pre', all => all.map(n => n.textContent))

    // Code without a language needs nothing.
    await v.connected()
    await v.wait(() => document.querySelectorAll('#log .text pre').length === 1)
    assert.deepEqual(await texts(), [go])
    assert.deepEqual(loaded, [])

    await page.goto(`${base}/?user=alice&channel=general`)
    await v.connected()
    await v.wait(() => document.querySelectorAll('#log .text pre').length === 5 && document.querySelectorAll('#log .text pre:has(span)').length === 4)
    assert.equal(loaded.length, 1)
    assert.match(loaded[0], /\/code\.js\?v=[\w-]+$/)
    assert.deepEqual(await texts(), [go, python, html, diff, 'main = return ()'])
    const found = await kinds(0)
    for (const want of ['c-cmnt // After tells what follows a cursor.\n', 'c-kwd func', 'c-func After', 'c-class Room', 'c-str "no room"', 'c-num 404']) assert.ok(found.includes(want), `${want} is not in ${found}`)
    assert.deepEqual(await kinds(3), ['c-section @@ -1,2 +1,2 @@', 'c-deleted -old line', 'c-insert +new line'])
    assert.deepEqual(await kinds(4), [])
    assert.equal(await page.evaluate(() => globalThis.owned), undefined)
    assert.equal(await page.locator('#log img, #log script').count(), 0)
    assert.ok((await page.evaluate(() => shifted)) < 0.01)
    const colors = await page.$$eval('#log .text pre span', all => Object.fromEntries(all.map(n => [n.className, getComputedStyle(n).color])))
    assert.ok(new Set(Object.values(colors)).size >= 6, JSON.stringify(colors))
    // The button that copies lies beside the code, not on it.
    const covered = await page.$$eval('#log .block', all => all.filter(block => {
      const button = block.querySelector('.copy').getBoundingClientRect(), range = document.createRange()
      range.selectNodeContents(block.querySelector('pre'))
      return [...range.getClientRects()].some(r => r.width && r.right > button.left + 1 && r.left < button.right && r.top < button.bottom - 1 && r.bottom > button.top)
    }).length)
    assert.equal(covered, 0)
    await v.look(`code-${look}`) // axe looks at the contrast, too

    // What the rules never end with stays as it is, and holds up neither the page nor other code.
    await page.goto(`${base}/?user=alice&channel=endless`)
    await v.connected()
    await v.wait(() => document.querySelectorAll('#log .text pre').length === 2 && document.querySelectorAll('#log .text pre:has(span)').length === 1)
    assert.deepEqual(await texts(), [endless, go])
    assert.equal((await kinds(0)).length, 0)
    await v.write(`hello ${look}`)
    await v.wait(t => [...document.querySelectorAll('#log .text')].at(-1)?.textContent === t, `hello ${look}`)
    await calm(v)
    await page.context().close()
  }

  // If it can't be loaded, code is shown without colors.
  const v = await visit({ user: 'alice', channel: 'plain' })
  await v.page.route('**/code.js*', r => r.abort())
  const failed = v.page.waitForEvent('requestfailed', r => r.url().includes('/code.js'))
  await v.page.goto(`${base}/?user=alice&channel=general`)
  await v.connected()
  await failed
  await v.wait(() => document.querySelectorAll('#log .text pre').length === 5)
  assert.equal(await v.page.locator('#log .text pre span').count(), 0)
  await calm(v)
})
