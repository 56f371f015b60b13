// The chat page behind proxies that are as bad as they are told to be. Arguments: URL.
const assert = require('node:assert/strict')
const http = require('node:http')
const { run } = require('../../testenv/clients/browser.cjs')
const { visitor } = require('./page.cjs')

/** A proxy that blocks upgrades, and if it buffers hands on only what is whole. */
const proxy = (target, buffers) => new Promise(resolve => {
  const { hostname, port } = new URL(target)
  const server = http.createServer((req, res) => {
    const onward = http.request({ hostname, port, method: req.method, path: req.url, headers: req.headers, agent: false }, answer => {
      if (!buffers) {
        res.writeHead(answer.statusCode, answer.headers)
        res.flushHeaders()
        return void answer.pipe(res)
      }
      const parts = []
      answer.on('data', b => parts.push(b))
      answer.on('end', () => res.writeHead(answer.statusCode, answer.headers).end(Buffer.concat(parts)))
      answer.on('error', () => res.destroy())
    })
    onward.on('error', () => res.destroy())
    res.on('close', () => onward.destroy())
    req.pipe(onward)
  })
  server.on('upgrade', (req, socket) => socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'))
  server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`))
})

run(async ({ browser, args: [base] }) => {
  const said = []
  for (const [buffers, way] of [[false, 'Server-sent events'], [true, 'Long polling']]) {
    const { visit, calm } = visitor(browser, await proxy(base, buffers))
    const alice = await visit({ user: 'alice', channel: 'general' })
    const bob = await visit({ user: 'bob', channel: 'general' })
    for (const v of [alice, bob]) await v.connected(way)
    for (const [v, text] of [[alice, `over ${way}`], [bob, 'I can read you']]) {
      await v.write(text)
      said.push(text)
      for (const w of [alice, bob]) await w.shows(said)
    }
    for (const v of [alice, bob]) assert.deepEqual(await v.lines(), said)
    await calm(alice, bob)
    for (const v of [alice, bob]) await v.page.close()
  }
})
