// What an SDK sends in one frame when it comes back: very many subscriptions, and among them one that realtime
// refuses. All the others must go on.
import { sockets, until } from "./shim.mjs";
import * as server from "node-appwrite";
import { InputFile } from "node-appwrite/file";

const [sdk, style, endpoint, project, key, count] = process.argv.slice(2);
const { Client, Realtime, Permission, Role, ID, Query } = await import(sdk);
console.error = () => {};
const said = console.log;
console.log = () => {};

const storage = new server.Storage(new server.Client().setEndpoint(endpoint).setProject(project).setKey(key));
const bucketId = ID.unique();
await storage.createBucket({ bucketId, name: "Tides", permissions: [], fileSecurity: true });
const upload = (fileId) =>
  storage.createFile({ bucketId, fileId, file: InputFile.fromPlainText("x", "n"), permissions: [Permission.read(Role.any())] });

const client = new Client().setEndpoint(endpoint).setProject(project);
if (sdk.startsWith("react")) client.setPlatform("org.example.tides");
const service = style === "service" ? new Realtime(client) : null;
const subscribe = (channels, callback, queries = []) =>
  service ? service.subscribe(channels, callback, queries) : client.subscribe(channels, callback, queries);

const heard = new Set();
const failures = [];
service?.onError?.((error, code) => failures.push(code));
const refused = Query.limit(5);
const channel = (name) => `buckets.${bucketId}.files.${name}`;
const names = Array.from({ length: Number(count) }, (_, index) => `file${index}`);
await Promise.all([
  ...names.slice(1).map((name) => subscribe([channel(name)], () => heard.add(name), [Query.equal("name", ["n"])])),
  subscribe([channel("none")], () => heard.add("none"), [refused]),
  subscribe([channel(names[0])], () => heard.add(names[0])),
]);
const answers = (socket) => socket?.observed.received.filter((frame) => frame.type === "response" && frame.data.to === "subscribe") ?? [];
const latest = () => answers(sockets.at(-1)).at(-1)?.data.subscriptions ?? [];
const all = () => latest().length === names.length + 1;
if (style === "service") await until(all, "the subscriptions");
else await until(() => answers(sockets.at(-1)).flatMap((frame) => frame.data.subscriptions).length > names.length, "the subscriptions");
sockets.at(-1).terminate();
await until(() => sockets.length > 1 && all(), "what the SDK sends when it comes back");
for (const name of ["none", names[0], names.at(-1)]) await upload(name);
await until(() => heard.has(names[0]) && heard.has(names.at(-1)), "the events");
const told = latest();
said(JSON.stringify({
  heard: [...heard].sort(),
  refused: told.filter((row) => row.error).map((row) => [row.error.code, row.channels, sockets.at(-1).observed.sent.find((frame) => frame.type === "subscribe").data[told.indexOf(row)].queries]),
  frames: sockets.at(-1).observed.sent.filter((frame) => frame.type === "subscribe").length,
  errors: sockets.at(-1).observed.received.filter((frame) => frame.type === "error").map((frame) => frame.data.code),
  failures: [...new Set(failures)],
  closed: sockets.slice(1).map((socket) => socket.observed.closed),
}));
process.exit(0);
