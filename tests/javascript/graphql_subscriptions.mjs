// graphql-ws as it comes from npm: who hears of which file, before and after a connection breaks and a session
// ends. Prints JSON.
import { createClient } from "graphql-ws";
import * as server from "node-appwrite";
import { InputFile } from "node-appwrite/file";
import * as web from "appwrite";
import { WebSocket } from "ws";
import { until } from "./shim.mjs";
import { signIn } from "./people.mjs";

const [endpoint, project, key] = process.argv.slice(2);
const { user, client } = await signIn(web, [endpoint, project, key], "ada");
const session = client.config.session;
const admin = new server.Client().setEndpoint(endpoint).setProject(project).setKey(key);
const storage = new server.Storage(admin);
const bucketId = server.ID.unique();
const everybody = [server.Permission.read(server.Role.users()), server.Permission.read(server.Role.guests())];
await storage.createBucket({ bucketId, name: "Files", fileSecurity: true });

async function upload(fileId, permissions) {
  const file = InputFile.fromPlainText("text", "a.txt");
  await storage.createFile({ bucketId, fileId, file, permissions });
}
const toAda = [server.Permission.read(server.Role.user(user.$id))];

const query = `subscription Files($channels: [String!]!, $since: Position) {
  file: events(channels: $channels, since: $since) { names: events at: offset payload }
}`;

/** What one client has heard: the ids of the files. */
function listen(credentials, resumes = Promise.resolve()) {
  const heard = { ids: [], names: [], errors: [], connections: 0, closes: [] };
  const variables = { channels: [`buckets.${bucketId}.files`] };
  const socket = createClient({
    url: endpoint.replace("http", "ws") + "/graphql",
    webSocketImpl: WebSocket,
    connectionParams: { project, ...credentials },
    retryWait: () => resumes,
    on: { connected: () => heard.connections++, closed: ({ code }) => heard.closes.push(code) },
  });
  heard.acknowledged = new Promise((resolve) => socket.on("connected", (_socket, told) => resolve(told)));
  const take = ({ data }) => {
    heard.ids.push(data.file.payload.$id);
    heard.names.push(data.file.names[0]);
    heard.last = data.file.at;
  };
  const failed = (error) => heard.errors.push(error);
  socket.subscribe({ query, variables }, { next: take, error: failed, complete: () => heard.errors.push("ended") });
  return { heard, socket, variables };
}

let resume;
const resumes = new Promise((resolve) => (resume = resolve));
const listeners = {
  ada: listen({ session }, resumes),
  byPosition: listen({ session }, resumes),
  program: listen({ key }),
  guest: listen({}),
};
const all = Object.values(listeners).map(({ heard }) => heard);
const told = await Promise.all(all.map(({ acknowledged }) => acknowledged));

async function heardByAll(id) {
  await until(() => all.every(({ ids }) => ids.includes(id)), `all to hear of ${id}`);
}

for (let attempt = 0; !all.every(({ ids }) => ids.length); attempt++) {
  if (attempt > 100 || all.some(({ errors }) => errors.length)) throw new Error(JSON.stringify(all));
  await upload(`begin${attempt}`, everybody); // until all subscriptions are there
  await new Promise((resolve) => setTimeout(resolve, 50));
}
await upload("private", toAda);
await upload("public", everybody);
await heardByAll("public");

// The position is in the variables, which the client sends again as they are then.
const position = { offset: listeners.byPosition.heard.last, epoch: told[1].epoch };
listeners.byPosition.variables.since = position;
for (const name of ["ada", "byPosition"]) listeners[name].socket.terminate();
await until(() => listeners.ada.heard.closes.length && listeners.byPosition.heard.closes.length, "the ends");
await upload("missed", toAda);
resume();
await upload("later", everybody);
await heardByAll("later");

await new server.Users(admin).deleteSessions({ userId: user.$id });
await upload("secret", toAda);
await upload("fence", everybody);
await heardByAll("fence");

const refused = {};
for (const [name, credentials] of Object.entries({ session: { session: "garbage" }, project: { project: "nothing" } })) {
  const closed = new Promise((resolve) => {
    const socket = createClient({
      url: endpoint.replace("http", "ws") + "/graphql",
      webSocketImpl: WebSocket,
      connectionParams: { project, ...credentials },
      retryAttempts: 0,
      lazy: false,
      onNonLazyError: () => {},
    });
    socket.on("closed", ({ code }) => resolve(code));
  });
  refused[name] = await closed;
}

const outcome = Object.entries(listeners).map(([name, { heard }]) => {
  const ids = heard.ids.filter((id) => !id.startsWith("begin"));
  return [name, { ids, errors: heard.errors, connections: heard.connections }];
});
await storage.deleteBucket({ bucketId });
const users = told.map((each) => each.user?.$id === user.$id);
console.log(JSON.stringify({ ...Object.fromEntries(outcome), users, refused, name: all[0].names[0], bucketId }));
process.exit(0);
