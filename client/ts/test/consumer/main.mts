// What a program with nothing but Node's types may write. It is compiled, never run.
import { Client, ParleyError, type Message, type TransportName } from "../../dist/index.js"

const ways: TransportName[] = ["sse", "poll"]
const client = new Client("http://127.0.0.1:8080", { user: "alice", transports: ways, shareTabs: false })
const room = client.channel("general", { after: 0 })
const off: () => void = room.subscribe((m: Message) => console.log(m.text?.length))
room.on("event", e => console.log(e.event, e.data?.["x"]))
room.on("reset", r => console.log(r.reason === "expired"))
for await (const m of room.messages()) console.log(m.id)
const { id, duplicate } = await room.publish({ text: "hi" })
console.log(id, duplicate, (await room.history({ before: id })).more)
// @ts-expect-error: there is nothing to send
await room.publish({})
// @ts-expect-error: there is no such event
room.on("nothing", () => {})
// @ts-expect-error: there is no such transport
client.use("carrier-pigeon")
// @ts-expect-error: what is internal is not there
room.accept({ type: "message" })
try {
  await room.edit(id, { text: "hello" })
} catch (e) {
  if (e instanceof ParleyError) console.log(e.code, e.terminal, e.body.hint)
}
off()
