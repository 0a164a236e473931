#!/usr/bin/env bash
# Chromium answers WebSocket pings for a page in the back/forward cache, and throws away what came meanwhile.
#
# RFC 6455, section 5.5.3: a pong answers a ping. A good guess says that a pong shows that the page has what was
# sent before the ping, so that a server may forget it. But pings are answered by the browser's network process.
# A page that the user left, and that the cache keeps in case of "back", runs nothing, and its socket goes on
# acknowledging. When the user comes back, the page goes on where it was, its socket is closed in it (1006) and
# at the server (1001), and messages that were sent and acknowledged never reach it. Only what the page's own
# scripts send shows what it has read.
#
# Seen with Chromium 156 (needs `chromium` on the PATH), playwright-core 1.65.1, ws 8.23.0, Node 20, on 2026-11-29.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
cd "$folder"
npm install --silent --no-audit --no-fund --no-package-lock playwright-core@1.65.1 ws@8.23.0
cat >try.mjs <<'JS'
import { createServer } from "node:http";
import { chromium } from "playwright-core";
import { WebSocketServer } from "ws";

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const http = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<p>A page</p>"));
const sockets = new WebSocketServer({ server: http });
let socket, closed = "open", pongs = 0;
sockets.on("connection", (opened) => {
  socket = opened;
  socket.on("pong", () => pongs++);
  socket.on("close", (code) => (closed = `closed ${code}`));
});
await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
const port = http.address().port;

const browser = await chromium.launch({ executablePath: process.argv[2], args: ["--no-sandbox"], ignoreDefaultArgs: ["--disable-back-forward-cache"] });
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${port}/`);
await page.evaluate((port) => {
  window.got = [];
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  socket.onmessage = ({ data }) => window.got.push(data);
  socket.onclose = ({ code }) => window.got.push(`closed ${code}`);
  return new Promise((resolve) => (socket.onopen = resolve));
}, port);

async function send(name) {
  const before = pongs;
  socket.send(name);
  socket.ping();
  await wait(1000);
  console.log(`${name}: ping ${pongs > before ? "answered" : "not answered"}`);
}
await send("here");
await page.goto(`http://127.0.0.1:${port}/another`);
for (const second of [1, 3, 5, 7, 9]) {
  await send(`left for ${second} s`);
  await wait(1000);
}
await page.evaluate(() => history.back()).catch(() => {});
await wait(2000);
console.log(`at the server: ${closed}`);
console.log("the page got: " + (await page.evaluate(() => window.got)).join(", "));
await browser.close();
process.exit(0);
JS
node try.mjs "$chromium" | tee out
diff out - <<'OUT'
here: ping answered
left for 1 s: ping answered
left for 3 s: ping answered
left for 5 s: ping answered
left for 7 s: ping answered
left for 9 s: ping answered
at the server: closed 1001
the page got: here, closed 1006
OUT
