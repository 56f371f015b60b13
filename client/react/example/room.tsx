import { useEffect, useLayoutEffect, useRef, useState, type FormEvent, type ReactElement } from "react"
import { useConnection, useMessages, useParley, usePresence, useTyping, useUnread } from "@parley/react"

/** A channel: what was said, who is here, who types, and a line to write in. */
export function Room({ name }: { name: string }): ReactElement {
  const { status } = useConnection()
  const { count, users } = usePresence(name)
  const { unread } = useUnread(name)
  return <main>
    <h1>#{name}</h1>
    <p id="status">{status}, {unread} unread</p>
    <p id="presence">{count} here: {users.join(", ")}</p>
    <Messages name={name} />
    <Composer name={name} />
  </main>
}

/** The messages, which stay where they are while older ones are loaded above them. */
function Messages({ name }: { name: string }): ReactElement {
  const { messages, pending, more, loadMore, loading, error } = useMessages(name, { limit: 20 })
  const room = useParley().channel(name)
  const list = useRef<HTMLUListElement>(null)
  const fromEnd = useRef(0) // how far the view is from the end, before what is rendered now
  const first = messages[0]?.id
  const last = messages.at(-1)?.id

  useLayoutEffect(() => { // older messages came: the same ones stay in view
    list.current!.scrollTop = list.current!.scrollHeight - fromEnd.current
  }, [first])
  useEffect(() => {
    if (last === undefined) return
    list.current!.scrollTop = list.current!.scrollHeight
    room.markRead(last).catch(() => {}) // for members only
  }, [room, last])

  const scrolled = (): void => {
    const { scrollHeight, scrollTop } = list.current!
    fromEnd.current = scrollHeight - scrollTop
    if (scrollTop < 40 && more) void loadMore()
  }
  return <>
    {error && <p role="alert">{error.message}</p>}
    <ul id="messages" ref={list} onScroll={scrolled} aria-busy={loading}>
      {more && <li><button onClick={loadMore}>Older messages</button></li>}
      {messages.map(m => <li key={m.id} data-id={m.id}>{m.name ?? m.user}: {m.deleted ? "(deleted)" : m.text}</li>)}
      {pending.map(p => <li key={p.key}>{p.text} ({p.state})</li>)}
    </ul>
  </>
}

/** A line to write in. The message is sent when there is a connection; the list shows what becomes of it. */
function Composer({ name }: { name: string }): ReactElement {
  const room = useParley().channel(name)
  const { users, typing } = useTyping(name)
  const [text, setText] = useState("")
  const send = (e: FormEvent): void => {
    e.preventDefault()
    if (!text) return
    room.publish({ text }).catch(() => {}) // the list shows that it failed
    setText("")
  }
  return <form onSubmit={send}>
    <p id="typing">{users.length > 0 && `${users.join(", ")} typing`}</p>
    <input aria-label="Message" value={text} onChange={e => { setText(e.target.value); typing() }} />
    <button>Send</button>
  </form>
}
