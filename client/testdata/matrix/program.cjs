const parley = require('@parley/client')
const rest = require('@parley/client/rest')
const { MessageView } = require('@parley/client/views')
const { WebSocket } = require('ws')
const story = require('./story.cjs')

const main = async () => {
  await story(parley, rest, process.argv[2], 'WebSocket' in globalThis ? {} : { WebSocket })
  await story(parley, rest, process.argv[2])
  console.log(new MessageView().messages.length)
}
main().catch(e => {
  console.error(e)
  process.exit(1)
})
