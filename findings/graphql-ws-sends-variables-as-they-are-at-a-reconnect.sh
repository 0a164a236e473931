#!/usr/bin/env bash
# graphql-ws writes a subscription anew at each reconnect, with its variables as they are by then.
#
# A client that lost its connection subscribes again by itself. A good guess says that it repeats the message that it
# sent the first time, as others do, so that a position given as a variable ("since") would be that of the first
# subscription for ever, and a client would get everything since then again. graphql-ws keeps the object that
# subscribe() was called with and turns it into JSON at each reconnect: a handler that changes `variables.since` with
# each event makes the unmodified client come back with the position of the last one. The same holds in the other
# direction: an application that uses the object for something else meanwhile changes what is asked for.
#
# Needs Node, and graphql-ws 6.4.2, graphql 16.15.0 and ws 8.23.0 of npm. Seen on 2026-11-30 with Node 20.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --no-audit --no-fund --loglevel=error --silent graphql-ws@6.4.2 graphql@16.15.0 ws@8.23.0
cat >come-back.mjs <<'JS'
import { createClient } from "graphql-ws";
import WebSocket, { WebSocketServer } from "ws";

const server = new WebSocketServer({ port: 0 });
let connections = 0;
server.on("connection", (socket) => {
    const number = ++connections;
    socket.on("message", (text) => {
        const message = JSON.parse(text);
        if (message.type === "connection_init") socket.send('{"type":"connection_ack"}');
        if (message.type !== "subscribe") return;
        console.log(`connection ${number}: since ${message.payload.variables.since}`);
        const data = { position: number * 10 };
        socket.send(JSON.stringify({ id: message.id, type: "next", payload: { data } }), () => {
            if (number < 3) setTimeout(() => socket.close(1012), 50);
            else process.exit(0);
        });
    });
});
const client = createClient({
    url: `ws://127.0.0.1:${server.address().port}`,
    webSocketImpl: WebSocket,
    retryWait: async () => {},
});
const variables = { since: 0 };
client.subscribe(
    { query: "subscription ($since: Int) { position(since: $since) }", variables },
    { next: ({ data }) => { variables.since = data.position; }, error: console.error, complete() {} },
);
JS
node come-back.mjs | tee out
diff out - <<'OUT'
connection 1: since 0
connection 2: since 10
connection 3: since 20
OUT
