// Bun's WebSockets, spoken to as the load generator speaks to Tidewire. A request's body is the event; with the
// argument `own-ids` every receiver gets it with its own subscription id, else Bun's pub/sub sends it as it is.
const ownIds = process.argv[2] === "own-ids";
const PLACEHOLDER = "0".repeat(20);
const CHANNEL = "bench";
const receivers = new Set();

function sendWithOwnIds(text) {
  const place = text.lastIndexOf(PLACEHOLDER);
  const [head, tail] = [text.slice(0, place), text.slice(place + PLACEHOLDER.length)];
  for (const socket of receivers) socket.send(head + socket.data.id + tail, true);
}

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  async fetch(request, server) {
    if (request.headers.get("upgrade") && server.upgrade(request, { data: { id: "" } })) return;
    const text = await request.text();
    if (ownIds) sendWithOwnIds(text);
    else server.publish(CHANNEL, text, true);
    return Response.json({});
  },
  websocket: {
    perMessageDeflate: true,
    idleTimeout: 960,
    sendPings: false,
    open(socket) {
      socket.send('{"type":"connected","data":{}}');
    },
    message(socket, text) {
      for (const row of JSON.parse(text).data) {
        socket.data.id = row.subscriptionId;
        for (const channel of row.channels) socket.subscribe(channel);
        if (row.channels.includes(CHANNEL)) receivers.add(socket);
      }
      socket.send('{"type":"response","data":{}}');
    },
    close(socket) {
      receivers.delete(socket);
    },
  },
});
console.log(JSON.stringify({ port: server.port }));
