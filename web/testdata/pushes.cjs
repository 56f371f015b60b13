// Two pushes of a channel that arrive at once, the later one first: the older must not be shown over it.
// Argument: the service worker.
const assert = require('node:assert/strict')
const { readFileSync } = require('node:fs')
const { runInNewContext } = require('node:vm')

const handlers = {}, shown = []
const pause = () => new Promise(resolve => setTimeout(resolve, 20))
const self = {
  addEventListener: (type, handler) => { handlers[type] = handler },
  navigator: { setAppBadge: async () => {} },
  clients: { matchAll: async () => [] },
  registration: {
    getNotifications: async () => { const now = shown.slice(-1); await pause(); return now },
    showNotification: async (title, options) => {
      await pause()
      if (title === 'refused') throw Error('no permission')
      shown.push({ title, ...options })
    },
  },
}
runInNewContext(readFileSync(process.argv[2], 'utf8'), { self, setTimeout, MessageChannel, URL, console })

const push = data => {
  let done
  handlers.push({ data: { json: () => ({ channel: 'general', tag: 'general', body: '', ...data }) }, waitUntil: promise => { done = promise } })
  return done
}

(async () => {
  await Promise.all([push({ title: 'later', id: 2 }), push({ title: 'older', id: 1 })])
  assert.deepEqual(shown.map(n => n.title), ['later'])
  await Promise.all([assert.rejects(push({ title: 'refused', id: 3 }), /no permission/), push({ title: 'after it', id: 4 })])
  assert.deepEqual(shown.map(n => [n.title, n.renotify]), [['later', false], ['after it', true]])
})()
