import * as parley from '@parley/client'
import * as rest from '@parley/client/rest'
import { MessageView } from '@parley/client/views'
import { WebSocket } from 'ws'
import story from './story.cjs'

await story(parley, rest, process.argv[2], 'WebSocket' in globalThis ? {} : { WebSocket })
await story(parley, rest, process.argv[2])
console.log(new MessageView().messages.length)
