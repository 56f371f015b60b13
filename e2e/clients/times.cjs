// Times are written as the reader's locale does, with 12 hours or 24, the full date is there on hover, and
// lines are not wider than one can read. Arguments: URL.
const assert = require('node:assert/strict')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor } = require('./page.cjs')

// A zone where it is after ten in the evening: no time is wider.
const ahead = (46 - new Date().getUTCHours()) % 24
const timeZone = `Etc/GMT${ahead > 14 ? `+${24 - ahead}` : `-${ahead}`}`

run(async ({ browser, args: [base] }) => {
  const { visit, calm } = visitor(browser, base)
  const ask = async (path, body, method = 'POST') => assert.ok((await fetch(base + path, { method, body: JSON.stringify(body) })).ok, path)
  await ask('/api/channels/general/members/alice?user=bob', { role: 'member' }, 'PUT')
  for (const text of ['first', 'word '.repeat(60)]) await ask('/api/messages', { channel_id: 'general', user: 'bob', text })
  await ask('/api/messages', { channel_id: 'general', user: 'bob', text: 'a reply', thread: 1 })

  for (const [locale, clock] of [['en-US', /^\d{1,2}:\d\d\s[AP]M$/], ['de-DE', /^\d\d:\d\d$/], ['en-GB', /^\d\d:\d\d$/]]) {
    for (const width of [1800, 390]) {
      const v = await visit({ user: 'alice', channel: 'general' }, { locale, timezoneId: timeZone, viewport: { width, height: 800 } })
      await v.connected()
      await v.wait(() => document.querySelectorAll('#log .msg').length === 3 && document.querySelector('#channels time'))
      const times = await v.page.$$eval('#log time, #channels time', all => all.map(n => [n.textContent, n.title, n.dateTime]))
      assert.equal(times.length, 5) // of two groups, of a message within one, of a thread, of a channel
      for (const [text, title, iso] of times) {
        assert.match(text, clock, locale)
        assert.equal(title, new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'short', timeZone }).format(new Date(iso)))
      }
      const widest = await v.page.$$eval('#log .msg .text', all => Math.max(...all.map(n => n.getBoundingClientRect().width)))
      assert.ok(width === 390 ? widest < 390 : widest > 800 && widest <= 900, `${widest} pixels of ${width}`)
      // The time of a message within a group has room, whatever its form.
      await v.page.hover('#log .msg:not(.first)')
      const left = await v.page.$eval('#log .msg > time', n => n.getBoundingClientRect().left - document.getElementById('log').getBoundingClientRect().left)
      assert.ok(left >= 0, `${locale} at ${width}: begins ${left}`)
      await v.look(`times-${locale}-${width}`)
      await calm(v)
      await v.page.context().close()
    }
  }
})
