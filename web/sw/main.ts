export {}

declare const self: ServiceWorkerGlobalScope

/** What the server pushes (docs/api.md, Push). */
interface Push { title: string; body: string; badge?: number; channel?: string; id?: number; tag?: string; url?: string }

/** How long a page may take to answer what it shows, in milliseconds. */
const patience = 500

// The service worker of the chat page shows push notifications and opens what is clicked. It answers no request and keeps nothing.
self.addEventListener("install", () => void self.skipWaiting())
self.addEventListener("activate", e => e.waitUntil(self.clients.claim()))
self.addEventListener("push", e => e.waitUntil(inTurn(() => show(read(e.data)))))
self.addEventListener("notificationclick", e => {
  e.notification.close()
  e.waitUntil(open(e.notification.data as Push))
})

let before: Promise<unknown> = Promise.resolve()

/** Handles one push at a time: two at once would both look for an older notification before either is shown. */
function inTurn(work: () => Promise<void>): Promise<void> {
  const done = before.then(work)
  before = done.catch(() => {}) // the browser is told by done
  return done
}

/** A message that cannot be read is shown too: browsers withdraw the permission of pages that show nothing. */
function read(data: PushMessageData | null): Push {
  try {
    const push = data!.json() as Push
    if (push.title) return push
  } catch { /* as below */ }
  return { title: "parley", body: "New messages" }
}

/** Shows a notification in place of the older one of its channel, unless somebody looks at the channel. */
async function show(push: Push): Promise<void> {
  const { title, body, badge, channel, id = 0, tag } = push
  self.navigator.setAppBadge?.(badge).catch(() => {}) // not every browser has badges, and none need wait for it
  if (channel && await looked(channel)) return
  const [shown] = tag ? await self.registration.getNotifications({ tag }) : []
  const older = (shown?.data as Push | undefined)?.id ?? 0
  if (older > id) return // this one was overtaken on its way
  const options: NotificationOptions & { renotify?: boolean } = { body, tag, data: push, renotify: !!shown && id > older } // a repeat makes no sound
  await self.registration.showNotification(title, options)
}

/** The chat pages of this browser, the one used last first. Other pages of the server are none. */
async function pages(): Promise<WindowClient[]> {
  const all = await self.clients.matchAll({ type: "window", includeUncontrolled: true })
  return all.filter(page => new URL(page.url).pathname === "/")
}

/** Reports whether a channel is visible in a page that has the focus. */
async function looked(channel: string): Promise<boolean> {
  const focused = (await pages()).filter(page => page.focused && page.visibilityState === "visible")
  return (await Promise.all(focused.map(page => shows(page, channel)))).includes(true)
}

/** Asks a page whether it shows a channel. */
function shows(page: WindowClient, channel: string): Promise<boolean> {
  const { port1, port2 } = new MessageChannel()
  return new Promise(resolve => {
    port1.onmessage = e => resolve(e.data === true)
    setTimeout(() => resolve(false), patience)
    page.postMessage({ shows: channel }, [port2])
  })
}

/** Opens a channel in a page that is there, or in a new one. */
async function open({ channel, url = "/" }: Push): Promise<void> {
  const [page] = await pages()
  if (page) try {
    page.postMessage({ open: channel })
    return void await page.focus()
  } catch { /* it was closed, or the browser does not let it take the focus */ }
  const at = new URL(url, self.location.origin)
  await self.clients.openWindow(at.origin === self.location.origin ? at.href : "/")
}
