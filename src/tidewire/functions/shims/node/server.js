"use strict";
// Answers HTTP/1.1 by a person's function. Started as
//   node server.js LISTENING_FD LOG_FD LIFE_FD FOLDER [RELAY_PORT RELAY_SOCKET]
// with OPEN_RUNTIMES_ENTRYPOINT and OPEN_RUNTIMES_SECRET in the environment; docs/rooms/functions.md says more.

const { createHash, timingSafeEqual } = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const net = require("node:net");
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { requestOf, responses } = require("./context.js");
const { Log, captureNativeLogs, withLog } = require("./logs.js");

const INTERNAL = "x-open-runtimes-";
// They describe the connection, which is the engine's: what a function says of them would break it.
const OF_THE_CONNECTION = new Set([
  "connection", "content-length", "keep-alive", "trailer", "transfer-encoding", "upgrade",
]);

const [listening, logDescriptor, life, folder, relayPort, relaySocket] = process.argv.slice(2);
const entrypoint = process.env.OPEN_RUNTIMES_ENTRYPOINT ?? "";
const digest = (text) => createHash("sha256").update(text).digest();
const secret = digest(process.env.OPEN_RUNTIMES_SECRET ?? "");
const enforced = Object.entries(JSON.parse(process.env.OPEN_RUNTIMES_HEADERS || "{}"));

class NotLoadable extends Error {}

let loading;

function loaded() {
  loading ??= load().catch((error) => {
    loading = undefined;
    throw error;
  });
  return loading;
}

async function load() {
  const file = path.join(folder, entrypoint);
  if (!fs.existsSync(file)) {
    throw new NotLoadable(`Failed to load entrypoint, file ${entrypoint} does not exist.`);
  }
  let module;
  try {
    module = await import(pathToFileURL(file));
  } catch (error) {
    throw new NotLoadable(error?.stack ?? String(error));
  }
  const main = [module.default?.default, module.default].find((each) => typeof each === "function");
  if (main === undefined) {
    throw new NotLoadable("Function signature invalid. Did you forget to export a 'main' function?");
  }
  return main;
}

async function outcome(context, seconds) {
  let timer;
  const late = new Promise((resolve) => {
    timer = setTimeout(() => {
      context.error("Execution timed out.");
      resolve(context.res.text("", 500));
    }, seconds * 1000);
  });
  try {
    const answer = await Promise.race([loaded().then((main) => main(context)), late]);
    if (answer !== null && answer !== undefined) return answer;
    context.error("Return statement missing. return context.res.empty() if no response is expected.");
  } catch (error) {
    if (error instanceof NotLoadable) {
      context.error(error.message);
      return context.res.text("", 503);
    }
    context.error(error?.stack ?? error);
  } finally {
    clearTimeout(timer);
  }
  return context.res.text("", 500);
}

function write(response, { body, statusCode, headers }) {
  for (const [name, value] of Object.entries(headers ?? {})) {
    const lower = name.toLowerCase();
    if (!lower.startsWith(INTERNAL) && !OF_THE_CONNECTION.has(lower)) response.setHeader(lower, value);
  }
  const type = String(response.getHeader("content-type") ?? "text/plain");
  const plain = type.toLowerCase();
  const complete = plain.startsWith("multipart/") || plain.includes("charset=");
  response.setHeader("content-type", complete ? type : `${type}; charset=utf-8`);
  const bytes =
    typeof body === "string" || body instanceof Uint8Array ? body
    : body instanceof ArrayBuffer ? new Uint8Array(body)
    : ArrayBuffer.isView(body) ? new Uint8Array(body.buffer, body.byteOffset, body.byteLength)
    : body === null || body === undefined ? ""
    : typeof body === "object" ? JSON.stringify(body)
    : String(body);
  response.statusCode = statusCode ?? 200;
  if (response.statusCode !== 204 && response.statusCode !== 304) {
    response.setHeader("content-length", Buffer.byteLength(bytes));
  }
  response.end(bytes);
}

async function answer(incoming, response) {
  response.sendDate = false;
  const id = incoming.headers[`${INTERNAL}log-id`] ?? "";
  const refused = (text) => {
    response.setHeader(`${INTERNAL}log-id`, id);
    write(response, { body: text, statusCode: 500 });
  };
  if (!timingSafeEqual(digest(incoming.headers[`${INTERNAL}secret`] ?? ""), secret)) {
    return refused(`Unauthorized. Provide correct "${INTERNAL}secret" header.`);
  }
  const seconds = Number(incoming.headers[`${INTERNAL}timeout`] ?? 900);
  if (!Number.isInteger(seconds) || seconds < 1) {
    return refused(`Header "${INTERNAL}timeout" must be an integer greater than 0.`);
  }
  const pieces = [];
  for await (const piece of incoming) pieces.push(piece);
  const headers = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (!name.startsWith(INTERNAL)) headers[name] = value;
  }
  for (const [name, value] of enforced) headers[name.toLowerCase()] = `${value}`;
  const log = new Log(id, incoming.headers[`${INTERNAL}logging`] !== "disabled");
  const context = {
    req: requestOf(incoming, headers, Buffer.concat(pieces)),
    res: responses,
    log: (...messages) => log.write("log", messages),
    error: (...messages) => log.write("error", messages),
  };
  const given = await withLog(log, () => outcome(context, seconds));
  log.flush();
  try {
    response.setHeader(`${INTERNAL}log-id`, id);
    write(response, given);
  } catch (error) {
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    context.error(error?.stack ?? error);
    response.setHeader(`${INTERNAL}log-id`, id);
    write(response, { body: "", statusCode: 500 });
  } finally {
    log.end();
  }
}

function relay(port, socket) {
  net.createServer((inside) => {
    const outside = net.connect(socket);
    inside.on("error", () => outside.destroy()).pipe(outside);
    outside.on("error", () => inside.destroy()).pipe(inside);
  }).listen(port, "127.0.0.1");
}

// Nothing is ever written to it: it ends when whoever started this is no more.
new net.Socket({ fd: Number(life), readable: true, writable: false }).on("close", () => process.exit()).resume();
if (relayPort) relay(Number(relayPort), relaySocket);
captureNativeLogs(Number(logDescriptor));
const server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (incoming, response) => {
  answer(incoming, response).catch(() => response.destroy());
});
server.headersTimeout = 0;
server.listen({ fd: Number(listening) });
