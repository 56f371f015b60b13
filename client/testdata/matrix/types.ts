// What programs write with types. It is compiled as an ES module and as CommonJS, and never run.
import { Client, hostEnv, ParleyError, type AppEvent, type Channel, type Message, type SavedPosition } from "@parley/client"
import { channels, createChannel, join, members, mute, registerDevice } from "@parley/client/rest"
import { MessageView } from "@parley/client/views"
import { WebSocket } from "ws"

interface Move { from: string; to: string }
interface Events { cursor: { x: number }; resigned: undefined }

export async function main(): Promise<void> {
  const parley = new Client("http://127.0.0.1:8080", { user: "alice", env: { WebSocket } })
  new Client("http://127.0.0.1:8080", { env: { ...hostEnv(), WebSocket } }).close()
  const game: Channel<Move, Events> = parley.channel<Move, Events>("game")
  const kept: SavedPosition = game.position
  game.subscribe((m: Message<Move>) => console.log(m.data?.from.length), kept)
  game.on("event", (e: AppEvent<Events>) => {
    if (e.event === "cursor") console.log(e.data.x.toFixed())
    // @ts-expect-error: nothing is sent with it
    else console.log(e.data.x)
  })
  await game.publish({ data: { from: "e2", to: "e4" } }, { signal: AbortSignal.timeout(1_000) })
  // @ts-expect-error: a move has a field more
  await game.publish({ data: { from: "e2" } })
  await game.event("cursor", { x: 1 })
  // @ts-expect-error: there is no such event
  await game.event("nothing", {})
  // @ts-expect-error: x is a number
  await game.event("cursor", { x: "1" })
  const plain = parley.channel("general")
  plain.on("event", e => console.log(e.event, e.data?.["x"]))
  await plain.event("anything", { at: 1 })
  for await (const m of plain.messages({ signal: AbortSignal.abort() })) console.log(m.data?.["x"])
  const typed = await createChannel<Move>(parley, "typed", { kind: "members" })
  console.log((await typed.history({ limit: 1 })).messages[0]?.data?.to)
  for await (const c of channels(parley, { all: true })) console.log(c.channel)
  for await (const m of members(parley, "general")) console.log(m.user, m.role)
  await join(parley, "general")
  await mute(parley, "general", "mentions")
  // @ts-expect-error: there is no such choice
  await mute(parley, "general", "sometimes")
  await registerDevice(parley, "phone", { platform: "apns", token: "t" })
  // @ts-expect-error: a token is missing
  await registerDevice(parley, "phone", { platform: "apns" })
  console.log(new MessageView().messages, new ParleyError("network", "x").terminal)
}
