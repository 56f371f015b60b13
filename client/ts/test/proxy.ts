import { createServer, request, type IncomingMessage, type Server as HttpServer, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"

/** What a proxy does to what goes through it. Each includes those before it. */
export type Temper = "fair" | "blocks upgrades" | "swallows streams" | "cuts what waits"

/** A proxy on this machine, as bad as it is told to be. */
export class Proxy {
  temper: Temper
  readonly #target: URL
  readonly #server: HttpServer
  readonly #sockets = new Set<Socket>()

  constructor(target: string, temper: Temper) {
    this.#target = new URL(target)
    this.temper = temper
    this.#server = createServer((req, res) => this.#pass(req, res))
    this.#server.on("connection", socket => {
      this.#sockets.add(socket)
      socket.on("close", () => this.#sockets.delete(socket)).on("error", () => {})
    })
    this.#server.on("upgrade", (req, socket, head) => this.#upgrade(req, socket as Socket, head))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async start(): Promise<void> {
    await new Promise<void>(resolve => this.#server.listen(0, "127.0.0.1", resolve))
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }

  #ask(req: IncomingMessage): ReturnType<typeof request> {
    const { hostname, port } = this.#target
    return request({ hostname, port, method: req.method, path: req.url, headers: req.headers, agent: false })
  }

  #pass(req: IncomingMessage, res: ServerResponse): void {
    const onward = this.#ask(req)
    const fail = (): void => {
      if (!res.headersSent) res.writeHead(502)
      res.end("<html>Bad Gateway</html>")
    }
    onward.on("error", fail)
    res.on("close", () => onward.destroy())
    onward.on("response", answer => {
      if (this.temper === "fair" || this.temper === "blocks upgrades") {
        res.writeHead(answer.statusCode!, answer.headers)
        res.flushHeaders()
        answer.pipe(res)
        return
      }
      const parts: Buffer[] = [] // it hands on what is whole
      answer.on("data", (b: Buffer) => parts.push(b))
      answer.on("end", () => {
        if (!res.headersSent) res.writeHead(answer.statusCode!, answer.headers)
        res.end(Buffer.concat(parts))
      })
      answer.on("error", fail)
    })
    if (this.temper === "cuts what waits") {
      const late = setTimeout(() => {
        onward.destroy()
        fail()
      }, 1_000)
      res.on("close", () => clearTimeout(late))
    }
    req.pipe(onward)
  }

  #upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    if (this.temper !== "fair") return void socket.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    const onward = this.#ask(req)
    onward.on("error", () => socket.destroy())
    onward.on("upgrade", (answer, far) => {
      const lines = Object.entries(answer.headers).map(([k, v]) => `${k}: ${String(v)}`)
      socket.write(["HTTP/1.1 101 Switching Protocols", ...lines, "", ""].join("\r\n"))
      far.write(head)
      far.pipe(socket).pipe(far)
      far.on("error", () => socket.destroy())
      socket.on("close", () => far.destroy())
    })
    onward.end()
  }
}
