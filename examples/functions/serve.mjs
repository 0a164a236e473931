// Serves the page and the SDK's own file for browsers.
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

const types = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript" };
const files = {
  "/": "index.html",
  "/app.js": "app.js",
  "/config.js": "config.js",
  "/notes.css": "notes.css",
  "/sdk.js": "node_modules/appwrite/dist/iife/sdk.js",
};

const server = createServer((request, response) => {
  const name = files[new URL(request.url, "http://localhost").pathname];
  const path = name && fileURLToPath(new URL(name, import.meta.url));
  if (!path || !existsSync(path)) return response.writeHead(404).end();
  response.writeHead(200, { "content-type": types[extname(path)], "cache-control": "no-cache" });
  createReadStream(path).pipe(response);
});
server.listen(process.env.PORT ?? 8101, "127.0.0.1", () => console.log(`Notes: http://localhost:${server.address().port}/`));
