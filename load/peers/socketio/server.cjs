// A minimal server on Socket.IO, to stand beside parley in "parley bench --peer
// socket.io". It keeps nothing on a disk. Publishers speak parley's frames at /ws;
// readers speak Socket.IO over WebSocket.
"use strict";
const http = require("node:http");
const { Server } = require("socket.io");
const { WebSocketServer } = require("ws");

const server = http.createServer();
const io = new Server(server, { transports: ["websocket"], destroyUpgrade: false, serveClient: false });
const heads = new Map();

io.on("connection", (socket) => {
  const channel = String(socket.handshake.query.channel);
  const head = heads.get(channel) ?? 0;
  socket.join(channel);
  socket.emit("m", { type: "welcome", channel, first_id: 1, last_id: head, cursor: head });
});

const publishers = new WebSocketServer({ noServer: true });
server.on("upgrade", (request, socket, head) => {
  if (request.url === "/ws") publishers.handleUpgrade(request, socket, head, serve);
});

function serve(ws) {
  ws.on("message", (raw) => {
    const { channel, key, text } = JSON.parse(raw);
    const id = (heads.get(channel) ?? 0) + 1;
    heads.set(channel, id);
    const timestamp = Date.now() / 1000;
    io.to(channel).emit("m", { type: "message", id, channel, user: "guest", text, timestamp, key });
    ws.send(JSON.stringify({ type: "ack", channel, id, timestamp, duplicate: false, key }));
  });
}

server.listen(0, "127.0.0.1", () => console.log(`ready http=http://127.0.0.1:${server.address().port}`));
