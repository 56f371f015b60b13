// Chromium's own EventSource or WebSocket. Arguments: sse|ws URL CHANNEL.
const { run } = require('../../testenv/clients/browser.cjs')
run(async ({ page, say, heard, args: [kind, base, channel] }) => {
  const p = await page({ ignoreHTTPSErrors: true })
  await p.goto(`${base}/healthz`) // any page of that origin without a policy of its own
  await p.exposeFunction('say', say)
  await p.evaluate(([kind, channel]) => {
    let ready = false
    const welcome = () => { if (!ready) say('ready'); ready = true }
    if (kind === 'sse') {
      const stream = new EventSource(`/api/stream/${channel}`)
      stream.addEventListener('welcome', welcome)
      stream.addEventListener('message', e => say(e.data))
      return
    }
    let after = ''
    const connect = () => {
      const ws = new WebSocket(`/ws/chat/${channel}?after=${after}`)
      ws.onmessage = e => {
        const m = JSON.parse(e.data)
        if (m.type === 'welcome') { after = m.cursor; welcome() }
        if (m.type === 'message') { after = m.id; say(e.data) }
      }
      ws.onclose = () => setTimeout(connect, 200)
    }
    connect()
  }, [kind, channel])
  while (await heard() !== undefined);
})
