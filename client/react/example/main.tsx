import { StrictMode } from "react"
import { createRoot } from "react-dom/client"
import { Client } from "@parley/client"
import { ParleyProvider } from "@parley/react"
import { Room } from "./room.js"

// ?server=http://127.0.0.1:8080&user=alice&channel=general, each with a default.
const query = new URLSearchParams(location.search)
const client = new Client(query.get("server") ?? "http://127.0.0.1:8080", { user: query.get("user") ?? "alice" })

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <ParleyProvider client={client}><Room name={query.get("channel") ?? "general"} /></ParleyProvider>
  </StrictMode>)
