// The web SDK and the server SDK with an endpoint as it was given, such as with a slash at its end: what a ping
// is answered, who is signed in, and what is heard live. Prints JSON.
import { subscriptionsAnswered, until } from "./shim.mjs";
import { signIn } from "./people.mjs";
import * as server from "node-appwrite";

const [sdk, endpoint, project, key] = process.argv.slice(2);
const web = await import(sdk);
const { user, client, realtime } = await signIn(web, [endpoint, project, key], "ada");
const account = await new web.Account(client).get();

const heard = [];
await realtime.subscribe("account", ({ events, payload }) => heard.push([events[0], payload.name]));
await subscriptionsAnswered(1);
const admin = new server.Client().setEndpoint(endpoint).setProject(project).setKey(key);
await new server.Users(admin).updateName({ userId: user.$id, name: "New" });
await until(() => heard.length > 0, "the event");

const pings = [await client.ping(), await admin.ping()];
console.log(JSON.stringify({ same: account.$id === user.$id, name: heard[0][1], pings }));
process.exit(0);
