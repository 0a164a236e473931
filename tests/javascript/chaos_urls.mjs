// Clients of an SDK that names its channels in the URL, signed in by their cookies, as in a browser.
import { readFileSync } from "node:fs";
import { WebSocket } from "ws";

const { endpoint, project, channel, clients } = JSON.parse(readFileSync(0, "utf8"));
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const people = new Map(clients.map((each) => [each.name, { ...each, connection: 0 }]));

/** Knows by the user in the address whose socket it is, and brings the cookie of that one. */
class SignedInWebSocket extends WebSocket {
  constructor(address) {
    const url = new URL(address);
    const person = people.get(url.username);
    url.username = "";
    super(url, { headers: { Cookie: `a_session_${project}=${encodeURIComponent(person.session)}` } });
    this.addEventListener("error", () => {}); // in Node, an error that nobody listens to ends the program
    this.addEventListener("open", () => say({ client: person.name, connection: (person.connection += 1) }));
    this.addEventListener("message", ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.type === "connected") say({ client: person.name, ready: Boolean(frame.data.user) });
    });
  }
}

process.on("uncaughtException", () => {}); // the SDK sends its heartbeat while it connects; a page lives on
globalThis.window = globalThis;
globalThis.WebSocket = SignedInWebSocket;
globalThis.localStorage = { getItem: () => null };
console.log = console.error = () => {}; // the SDK reports every reconnect there
const { Client } = await import("appwrite-24");
for (const person of people.values()) {
  const client = new Client().setEndpoint(endpoint).setProject(project);
  client.setEndpointRealtime(endpoint.replace("http://", `ws://${person.name}@`));
  client.subscribe(channel, ({ payload }) => say({ client: person.name, connection: person.connection, row: payload.$id }), person.queries);
}
