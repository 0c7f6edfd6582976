// Plain `ws`: what comes is sent to all in the room. PREBUILT=1 frames it once and writes the same bytes to each socket.
const { Sender, WebSocketServer } = require("ws");

const rooms = new Map();
const framed = { fin: true, opcode: 1, mask: false, readOnly: true, rsv1: false };

function tell(room, data) {
  if (!process.env.PREBUILT) {
    for (const client of room) client.send(data, { binary: false });
    return;
  }
  const frame = Buffer.concat(Sender.frame(data, framed));
  for (const client of room) client._socket.write(frame);
}

new WebSocketServer({ host: "127.0.0.1", port: +process.env.PORT, perMessageDeflate: false, backlog: 2048 }).on(
  "connection",
  (client, request) => {
    if (!rooms.has(request.url)) rooms.set(request.url, new Set());
    const room = rooms.get(request.url).add(client);
    client.on("message", (data) => tell(room, data)).on("close", () => room.delete(client));
  },
);
