// Runs a block of the README with what it calls the reader's own. A block must show something; then, or after its last line, it is over.
import { pathToFileURL } from 'node:url'

const kept = new Map()
let shown = 0
Object.assign(globalThis, {
  show: (...what) => { shown++; console.log(...what) },
  save: (name, value) => kept.set(name, JSON.stringify(value)),
  load: name => kept.has(name) ? JSON.parse(kept.get(name)) : undefined,
})
process.on('unhandledRejection', e => {
  console.error(e)
  process.exit(1)
})
await import(pathToFileURL(process.argv[2]))
for (let i = 0; i < 3000 && !shown; i++) await new Promise(resolve => setTimeout(resolve, 10))
if (!shown) {
  console.error('it shows nothing')
  process.exit(1)
}
process.exit(0) // its connections would keep it
