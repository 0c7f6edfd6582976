// Socket.IO 4 with its Redis adapter.
const { createServer } = require("http");
const { Server } = require("socket.io");
const { createAdapter } = require("@socket.io/redis-adapter");
const { createClient } = require("redis");

async function serve() {
  const where = { socket: { path: process.env.REDIS_SOCKET } };
  const [publishing, listening] = [createClient(where), createClient(where)];
  await Promise.all([publishing.connect(), listening.connect()]);
  const http = createServer();
  const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false });
  io.adapter(createAdapter(publishing, listening));
  io.on("connection", (socket) => {
    const room = socket.handshake.query.room;
    socket.join(room);
    socket.on("say", (text) => io.to(room).emit("said", text));
  });
  http.listen({ host: "127.0.0.1", port: +process.env.PORT, backlog: 2048 });
}

serve();
