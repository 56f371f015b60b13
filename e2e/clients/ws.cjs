// npm ws: reads a channel and comes back with after=. Arguments: URL CHANNEL.
const { WebSocket } = require('ws')
const [base, channel] = process.argv.slice(2)
const say = what => process.stdout.write(what + '\n')
let after = '', ready = false

function connect() {
  const ws = new WebSocket(`${base.replace('http', 'ws')}/ws/chat/${channel}?after=${after}`)
  ws.on('message', data => {
    const m = JSON.parse(data)
    if (m.type === 'welcome') {
      after = m.cursor
      if (!ready) say('ready')
      ready = true
    }
    if (m.type !== 'message') return
    after = m.id
    say(JSON.stringify(m))
  })
  ws.on('error', () => {})
  ws.on('close', () => setTimeout(connect, 200))
}
connect()
process.stdin.on('end', () => process.exit()).resume()
