// The main job with unmodified SDKs: who sees which upload. Prints what each client received as JSON.
import { subscriptionsAnswered, until } from "./shim.mjs";
import { signIn } from "./people.mjs";
import * as server from "node-appwrite";
import { InputFile } from "node-appwrite/file";

const [sdk, endpoint, project, key] = process.argv.slice(2);
const web = await import(sdk);
const { Permission, Role, ID, Channel, Query } = web;

const admin = new server.Client().setEndpoint(endpoint).setProject(project).setKey(key);
const storage = new server.Storage(admin);
const bucketId = ID.unique();
const bucket = await storage.createBucket({ bucketId, name: "Photos", permissions: [Permission.create(Role.users())], fileSecurity: true });

async function person(name) {
  const { client, ...others } = await signIn(web, [endpoint, project, key], name);
  return { client, storage: new web.Storage(client), ...others };
}

const alice = await person("alice");
const bob = await person("bob");
const guestClient = new web.Client().setEndpoint(endpoint).setProject(project);
const guest = { client: guestClient, realtime: new web.Realtime(guestClient) };

const received = { alice: [], bob: [], guest: [], aliceCreates: [], bobFiltered: [] };
const listen = (who) => (event) => received[who].push(event);
const subscriptions = [
  await alice.realtime.subscribe(Channel.files(), listen("alice")),
  await alice.realtime.subscribe(Channel.bucket(bucketId).file().create(), listen("aliceCreates")),
  await bob.realtime.subscribe(Channel.files(), listen("bob")),
  await bob.realtime.subscribe(Channel.bucket(bucketId).file(), listen("bobFiltered"), [Query.equal("name", ["shared.txt"])]),
  await guest.realtime.subscribe(Channel.files(), listen("guest")),
];
await subscriptionsAnswered(subscriptions.length);

const upload = (fileId, name, permissions, content = "hello") =>
  alice.storage.createFile({ bucketId, fileId, file: new File([content], name), permissions });

const progress = [];
await upload("private", "private.txt");
await upload("shared", "shared.txt", [Permission.read(Role.users()), Permission.update(Role.user(alice.user.$id)), Permission.delete(Role.user(alice.user.$id))]);
await upload("public", "public.txt", [Permission.read(Role.any())]);
const large = await alice.storage.createFile({
  bucketId,
  fileId: "large",
  file: new File([new Uint8Array(12 * 1024 * 1024).fill(7)], "large.bin"),
  onProgress: (step) => progress.push(step),
});
await alice.storage.updateFile({ bucketId, fileId: "shared", name: "renamed.txt" });
await alice.storage.deleteFile({ bucketId, fileId: "shared" });

const refused = await bob.storage.getFile({ bucketId, fileId: "private" }).catch((error) => ({ code: error.code, type: error.type }));

await subscriptions[4].update({ channels: [Channel.bucket(bucketId).file("fence")] });
await subscriptionsAnswered(subscriptions.length + 1);
await storage.createFile({ bucketId, fileId: "ignored", file: InputFile.fromPlainText("x", "ignored.txt"), permissions: [Permission.read(Role.any())] });
await storage.createFile({ bucketId, fileId: "fence", file: InputFile.fromPlainText("x", "fence.txt"), permissions: [Permission.read(Role.any())] });
await until(() => ["alice", "bob", "guest"].every((who) => received[who].at(-1)?.payload.$id === "fence"), "the last event");

await Promise.all([alice, bob, guest].map(({ realtime }) => realtime.disconnect()));
console.log(JSON.stringify({ bucket, large, progress, refused, received }));
process.exit(0);
