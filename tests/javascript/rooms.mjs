// A chat whose user looks into one room after the other, faster than the limit of messages: the room that is open
// in the end must be heard.
import { sockets, until } from "./shim.mjs";
import * as server from "node-appwrite";
import { InputFile } from "node-appwrite/file";

const [sdk, endpoint, project, key, count] = process.argv.slice(2);
const { Client, Realtime, Permission, Role, ID } = await import(sdk);
console.error = () => {};
const said = console.log;
console.log = () => {};

const storage = new server.Storage(new server.Client().setEndpoint(endpoint).setProject(project).setKey(key));
const bucketId = ID.unique();
await storage.createBucket({ bucketId, name: "Rooms", permissions: [], fileSecurity: true });
const say = (fileId) =>
  storage.createFile({ bucketId, fileId, file: InputFile.fromPlainText("x", "n"), permissions: [Permission.read(Role.any())] });

const client = new Client().setEndpoint(endpoint).setProject(project);
if (sdk.startsWith("react")) client.setPlatform("org.example.tides");
const realtime = new Realtime(client);
const failures = [];
realtime.onError?.((error, code) => failures.push(code));
const heard = [];
const whole = await realtime.subscribe([`buckets.${bucketId}`], () => {}); // so that the socket stays
let open = null;
for (let room = 0; room < Number(count); room++) {
  const before = open;
  open = await realtime.subscribe([`buckets.${bucketId}.files.room${room}`], ({ payload }) => heard.push(payload.$id));
  await before?.unsubscribe();
  await new Promise((resolve) => setTimeout(resolve, 5));
}
const frames = (kind) => sockets[0].observed[kind].filter(({ type }) => type !== "ping");
await until(() => sockets[0].observed.received.filter(({ type }) => type === "response").length >= sockets[0].observed.sent.length, "all answers");
for (const room of [0, 1, Number(count) - 2, Number(count) - 1]) await say(`room${room}`);
await until(() => heard.length > 0, "the open room");
await new Promise((resolve) => setTimeout(resolve, 300));
said(JSON.stringify({ heard, failures, sockets: sockets.length, sent: frames("sent").length, last: `room${Number(count) - 1}` }));
process.exit(0);
