// Messaging with unmodified SDKs: a server makes a provider and a topic, a person subscribes, mails go out.
import { until } from "./shim.mjs";
import { signIn } from "./people.mjs";
import * as server from "node-appwrite";
import * as web from "appwrite";

const [endpoint, project, key, port] = process.argv.slice(2);
const { ID } = web;

const messaging = new server.Messaging(new server.Client().setEndpoint(endpoint).setProject(project).setKey(key));
const provider = await messaging.createSMTPProvider({
  providerId: ID.unique(), name: "Mails", host: "127.0.0.1", port: Number(port), fromEmail: "news@example.com",
  enabled: true,
});
const topic = await messaging.createTopic({ topicId: ID.unique(), name: "News" });
const { client } = await signIn(web, [endpoint, project, key], "ada");
const { targets } = await new web.Account(client).get();
const subscriber = await new web.Messaging(client).createSubscriber({
  topicId: topic.$id, subscriberId: ID.unique(), targetId: targets[0].$id,
});
const draft = await messaging.createEmail({
  messageId: ID.unique(), subject: "News", content: "Hello", topics: [topic.$id], draft: true,
});
await messaging.updateEmail({ messageId: draft.$id, subject: "Real news", draft: false });
let message = draft;
await until(async () => {
  message = await messaging.getMessage({ messageId: draft.$id });
  return message.status === "sent" || message.status === "failed";
}, "the end of the message");
const total = (await messaging.getTopic({ topicId: topic.$id })).emailTotal;
await new web.Messaging(client).deleteSubscriber({ topicId: topic.$id, subscriberId: subscriber.$id });
const left = (await messaging.getTopic({ topicId: topic.$id })).emailTotal;
await messaging.deleteProvider({ providerId: provider.$id });
console.log(JSON.stringify({ credentials: provider.credentials, message, total, left }));
