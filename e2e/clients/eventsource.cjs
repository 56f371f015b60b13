// npm eventsource: reads a channel; coming back is the library's part. Arguments: URL CHANNEL.
const { EventSource } = require('eventsource')
const [base, channel] = process.argv.slice(2)
const say = what => process.stdout.write(what + '\n')
const stream = new EventSource(`${base}/api/stream/${channel}`)
let ready = false
stream.addEventListener('welcome', () => { if (!ready) say('ready'); ready = true })
stream.addEventListener('message', e => say(e.data))
process.stdin.on('end', () => process.exit()).resume()
