// Presences with unmodified SDKs, over the socket and over REST: who sees what, and that it ends with the socket.
import { sockets, subscriptionsAnswered, until } from "./shim.mjs";
import { signIn } from "./people.mjs";
import * as server from "node-appwrite";
import * as web from "appwrite";

const given = process.argv.slice(2);
const [endpoint, project, key] = given;
const { Channel, ID, Permission, Query, Role } = web;
console.error = () => {}; // SDKs report every reconnect there
const said = console.log;
console.log = () => {};

async function person(name) {
  const { client, ...others } = await signIn(web, given, name);
  return { presences: new web.Presences(client), ...others };
}

const type = (error) => error.type;
const [ann, ben, carl] = [await person("ann"), await person("ben"), await person("carl")];
const received = [];
await ben.realtime.subscribe(Channel.presences(), ({ events, payload }) => {
  received.push([events[0].split(".").pop(), payload.userId === ann.user.$id ? "ann" : "carl", payload.status]);
});
await subscriptionsAnswered(1);
const told = (count) => until(() => received.length >= count, `${count} events`);

const presenceId = ID.unique();
const shared = (owner) => [Permission.read(Role.users()), Permission.write(Role.user(owner.user.$id))];
await ann.realtime.upsertPresence({ presenceId, status: "online", permissions: shared(ann), metadata: { room: 1 } });
await told(1);
const seen = await ben.presences.get({ presenceId });
const stolen = await ben.presences.upsert({ presenceId, status: "mine" }).catch(type);
const changed = await ben.presences.update({ presenceId, status: "mine" }).catch(type);
await ann.presences.update({ presenceId, status: "away" });
await told(2);

// A server speaks for somebody; nobody but that user sees it, until it says otherwise.
const admin = new server.Presences(new server.Client().setEndpoint(endpoint).setProject(project).setKey(key));
const own = ID.unique();
await admin.upsert({ presenceId: own, userId: carl.user.$id, status: "busy" });
const hidden = await ben.presences.get({ presenceId: own }).catch(type);
const unseen = (await carl.presences.list({ queries: [Query.equal("userId", carl.user.$id)] })).total;
await admin.update({ presenceId: own, userId: carl.user.$id, permissions: shared(carl) });
await told(3);
const listed = (await ben.presences.list()).presences.map((each) => [each.source, each.status]).sort();
await carl.presences.delete({ presenceId: own });
await told(4);

// Torn off, the SDK comes back and says again where it is; on leaving nothing remains.
const speaking = () => sockets.filter((socket) => socket.observed.sent.some((frame) => frame.type === "presence"));
speaking()[0].terminate();
await told(6);
await ann.realtime.disconnect();
await told(7);
const left = (await ben.presences.list()).total;

said(JSON.stringify({
  received,
  seen: [seen.$id === presenceId, seen.userId === ann.user.$id, seen.source, seen.status, seen.metadata, seen.$permissions.length],
  refused: [stolen, changed, hidden],
  unseen,
  listed,
  left,
  errors: sockets.flatMap((socket) => socket.observed.received).filter((frame) => frame.type === "error"),
}));
process.exit(0);
