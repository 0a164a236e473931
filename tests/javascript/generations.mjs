// One SDK of any generation through everything that realtime is for: subscribe, update, unsubscribe, sign in,
// and come back after the server was restarted. Asks for the restart on its output, and waits for a line of input.
import { createInterface } from "node:readline";
import { sockets, until } from "./shim.mjs";
import * as server from "node-appwrite";
import { InputFile } from "node-appwrite/file";

const [sdk, style, endpoint, project, key] = process.argv.slice(2);
const web = await import(sdk);
const { Permission, Role, ID, Query } = web;
console.error = () => {}; // SDKs report every reconnect there
const said = console.log;
console.log = () => {};

const admin = new server.Client().setEndpoint(endpoint).setProject(project).setKey(key);
const storage = new server.Storage(admin);
const bucketId = ID.unique();
await storage.createBucket({ bucketId, name: "Tides", permissions: [], fileSecurity: true });
const upload = (name, role = Role.any(), fileId = ID.unique()) =>
  storage.createFile({ bucketId, fileId, file: InputFile.fromPlainText("x", name), permissions: [Permission.read(role)] });

const client = new web.Client().setEndpoint(endpoint).setProject(project);
if (sdk.startsWith("react")) client.setPlatform("org.example.tides");
const service = style === "service" ? new web.Realtime(client) : null;

/** Subscribes in the SDK's way; the result can `close`, and `update` if the SDK can. */
async function subscribe(channels, callback, queries) {
  if (service) return service.subscribe(channels, callback, queries);
  const close = client.subscribe(channels, callback, queries);
  return { close };
}

/** Whether the newest socket is connected and everything sent on it was answered, several times in a row. */
let calm = 0;
async function settled(what) {
  calm = 0;
  await until(async () => {
    const open = sockets.filter((socket) => socket.observed.closed === null);
    const quiet =
      open.length === 1 &&
      open[0] === sockets.at(-1) &&
      open[0].readyState === 1 &&
      open[0].observed.received.some((frame) => frame.type === "connected") &&
      open[0].observed.sent.filter((frame) => frame.type !== "ping").length === open[0].observed.received.filter((frame) => frame.type === "response").length;
    calm = quiet ? calm + 1 : 0;
    if (quiet) await new Promise((resolve) => setTimeout(resolve, 30));
    return calm > 6;
  }, what);
}

const received = {};
const listen = (name) => (event) => (received[name] ??= []).push(event.payload.name);
const has = (name, file) => until(() => received[name]?.includes(file), `${file} at ${name}`);

// As a guest: one callback for a bucket's files, one with a query if the generation has them.
const files = await subscribe([`buckets.${bucketId}.files`], listen("bucket"));
const all = await subscribe(["files"], listen("all"));
const queried = sdk === "appwrite-21" ? null : await subscribe([`buckets.${bucketId}.files`], listen("queried"), [Query.equal("name", ["wanted", "wanted again"])]);
await settled("the first subscriptions");
await upload("one");
await upload("wanted");
await has("all", "wanted");
await has("bucket", "wanted");
if (queried) await has("queried", "wanted");

// Another channel instead, by `update` or, before it existed, by closing and subscribing again.
const channels = [`buckets.${bucketId}.files.chosen`];
const chosen = files.update ? (await files.update({ channels }), files) : ((await files.close?.()), await subscribe(channels, listen("bucket")));
await settled("the update");
await upload("after the update");
await upload("chosen", Role.any(), "chosen");
await has("bucket", "chosen");
await has("all", "chosen");

// One less.
await (all.unsubscribe ?? all.close)();
await settled("the end of a subscription");
await storage.updateFile({ bucketId, fileId: "chosen", name: "chosen again" });
await has("bucket", "chosen again");

// Signing in, and what only this user may read. The session is kept as browsers keep it that refuse the cookie.
const email = `${bucketId}@example.com`;
const users = new server.Account(admin);
const guest = new server.Account(new server.Client().setEndpoint(endpoint).setProject(project));
const user = await guest.create({ userId: ID.unique(), email, password: "correct horse" });
const session = await users.createEmailPasswordSession({ email, password: "correct horse" });
localStorage.setItem("cookieFallback", JSON.stringify({ [`a_session_${project}`]: session.secret }));
const mine = await subscribe(["account", "files"], (event) => (received.mine ??= []).push(event.payload.name ?? event.events[0]));
const reconnect = () => sockets.at(-1).terminate();
if (!sockets.at(-1).observed.received.some((frame) => frame.data?.to === "authentication")) reconnect();
await until(() => sockets.some((socket) => socket.observed.received.some((frame) => frame.data?.to === "authentication" && frame.data.success)), "the login");
await settled("the login");
await upload("private", Role.user(user.$id));
await new server.Account(new server.Client().setEndpoint(endpoint).setProject(project).setSession(session.secret)).updateName({ name: "Ada" });
await has("mine", "private");
await has("mine", "Ada");

// The server is restarted; SDKs come back by themselves, with all they had.
const before = sockets.length;
said(JSON.stringify({ restart: true }));
await new Promise((resolve) => createInterface({ input: process.stdin }).once("line", resolve));
await until(() => sockets.length > before, "a new connection");
await settled("the reconnect");
await upload("back", Role.user(user.$id));
await storage.updateFile({ bucketId, fileId: "chosen", name: "chosen at last" });
await has("mine", "back");
await has("bucket", "chosen at last");
if (queried) await upload("wanted again").then(() => has("queried", "wanted again"));

said(JSON.stringify({
  received,
  userId: user.$id,
  kinds: [...new Set(sockets.flatMap((socket) => socket.observed.sent.map((frame) => frame.type)))].sort(),
  queries: sockets.map((socket) => new URL(socket.observed.address).search),
  errors: sockets.flatMap((socket) => socket.observed.received.filter((frame) => frame.type === "error")),
  compressed: sockets.every((socket) => socket.extensions.includes("permessage-deflate") || socket.observed.closed !== null),
  closed: sockets.map((socket) => socket.observed.closed),
}));
process.exit(0);
