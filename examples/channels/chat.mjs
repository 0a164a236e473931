// A chat room on a custom channel, with the unmodified web SDK. usage: node --import ./shim.mjs chat.mjs NAME [ENDPOINT [PROJECT]]
import { createInterface } from "node:readline";
import { Client, Realtime } from "appwrite";

const [name = "somebody", endpoint = "http://localhost:8090/v1", project = "default"] = process.argv.slice(2);
const client = new Client().setEndpoint(endpoint).setProject(project);
const realtime = new Realtime(client);
const room = "chat.lobby";

await realtime.subscribe(`channels.${room}.members`, ({ events }) => {
  console.log(events[0].endsWith(".join") ? "(somebody came)" : "(somebody left)");
});
await realtime.subscribe(`channels.${room}`, ({ payload }) => console.log(`${payload.from}: ${payload.text}`));

for await (const text of createInterface(process.stdin)) {
  const messages = new URL(`${endpoint}/realtime/channels/${room}/messages`);
  const headers = { "content-type": "application/json", "X-Appwrite-Project": project };
  await client.call("post", messages, headers, { payload: { from: name, text } });
}
process.exit();
