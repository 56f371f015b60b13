// What a client needs only if it shares tabs or keeps messages. It is loaded when it is asked
// for (env.ts, extras): at the server's address it is a file of its own, /parley-extras.js.
export { createTabs } from "./tabs.js"
export { indexedStore } from "./indexedstore.js"
