import { spawn, type ChildProcess } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"

/** Bounds every wait for something that will happen. It only matters when a test fails. */
export const patience = 120_000

/** One parley process, and those that replace it on the same port and data. Ends only what it started. */
export class Server {
  readonly #data = mkdtempSync(join(tmpdir(), "parley-ts-"))
  readonly #binary: string
  #process: ChildProcess | undefined
  #port = 0
  #log = ""

  constructor(binary: string) {
    this.#binary = binary
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get log(): string {
    return this.#log
  }

  /** Starts it, on the port it had before if there was one, and waits until it is ready. */
  async start(): Promise<void> {
    for (let tries = 0; ; tries++) { // another process may take the port between freePort and listening
      const port = this.#port || await freePort()
      if (await this.#spawn(port)) return void (this.#port = port)
      if (this.#port || tries === 5) throw new Error(`parley does not start:\n${this.#log}`)
    }
  }

  /** Ends it with a signal and waits until it is gone. */
  async stop(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const gone = new Promise<number | null>(resolve => child.once("exit", resolve))
    child.kill(signal)
    return gone
  }

  async remove(): Promise<void> {
    await this.stop("SIGKILL")
    rmSync(this.#data, { recursive: true, force: true })
  }

  /** Publishes without the client under test. */
  async post(channel: string, text: string, user = "poster"): Promise<number> {
    const headers = { Connection: "close" } // one that is kept may be closed by the server in the moment when it is used again
    const answer = await fetch(`${this.url}/api/messages`, { method: "POST", headers, body: JSON.stringify({ channel_id: channel, user, text }) })
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
    return ((await answer.json()) as { id: number }).id
  }

  #spawn(port: number): Promise<boolean> {
    const child = this.#process = spawn(this.#binary,
      ["dev", "--listen", `127.0.0.1:${port}`, "--admin-listen", "127.0.0.1:0", "--data", this.#data, "--drain-timeout", "3s"],
      { stdio: ["ignore", "pipe", "pipe"] })
    child.stderr!.on("data", text => this.#log = (this.#log + text).slice(-8192))
    return new Promise(resolve => {
      const late = setTimeout(() => child.kill("SIGKILL"), patience)
      child.once("exit", () => {
        clearTimeout(late)
        resolve(false)
      })
      createInterface(child.stdout!).on("line", line => {
        if (!line.startsWith("parley ready ")) return
        clearTimeout(late)
        resolve(true)
      })
    })
  }
}

/** A loopback port that nobody listens on, below those that systems give to outgoing connections. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const free = await new Promise<boolean>(resolve => {
      const probe = createServer().once("error", () => resolve(false))
      probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)))
    })
    if (free) return port
  }
}
