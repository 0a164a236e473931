// A server SDK of an earlier version calls what its version reads or says differently. Prints the answers.
const [name, endpoint, project, key] = process.argv.slice(2);
const sdk = await import(name);
const { ID } = sdk;
const client = new sdk.Client().setEndpoint(endpoint).setProject(project).setKey(key);
const answers = { format: client.headers["X-Appwrite-Response-Format"] };
const unique = () => ID.unique();

const users = new sdk.Users(client);
const email = `${unique()}@example.com`;
const user = await users.create(unique(), email, undefined, "correct horse", "Ada");
answers.user = await users.get(user.$id);
answers.listedUser = (await users.list()).users.find((each) => each.$id === user.$id);
answers.token = await users.createToken(user.$id);
answers.session = await new sdk.Account(client).createEmailPasswordSession(email, "correct horse");
answers.listedSession = (await users.listSessions(user.$id)).sessions[0];

const teams = new sdk.Teams(client);
const team = await teams.create(unique(), "Team");
answers.membership = await teams.createMembership(team.$id, ["member"], email, undefined, undefined, "http://localhost/");
answers.listedMembership = (await teams.listMemberships(team.$id)).memberships[0];

const databases = new sdk.Databases(client);
const [database, books, authors] = [unique(), unique(), unique()];
await databases.create(database, "Shop");
for (const collection of [books, authors]) {
  await databases.createCollection(database, collection, collection);
  await databases.createStringAttribute(database, collection, "name", 64, false);
}
await databases.createRelationshipAttribute(database, books, authors, "manyToOne", false, "author");
answers.document = await databases.createDocument(database, books, "tides", { name: "Tides", author: { $id: "ada", name: "Ada" } });
answers.read = await databases.getDocument(database, books, "tides");
answers.listed = (await databases.listDocuments(database, books)).documents[0];
answers.chosen = (await databases.listDocuments(database, books, [sdk.Query.select(["name"])])).documents[0];
answers.all = (await databases.listDocuments(database, books, [sdk.Query.select(["*", "author.*"])])).documents[0];

if (sdk.Webhooks) {
  const webhooks = new sdk.Webhooks(client);
  const url = "https://receiver.example.com/";
  const id = unique();
  answers.webhook = await webhooks.create(id, url, "Hook", ["users.*"], true, true, "reader", "secret word");
  answers.updatedWebhook = await webhooks.update(id, "Renamed", url, ["users.*"], true, true, "writer", "secret word");
  answers.listedWebhook = (await webhooks.list()).webhooks.find((each) => each.$id === id);
  await webhooks.delete(id);
}
if (sdk.Project) {
  const service = new sdk.Project(client);
  if (service.createApplePlatform) {
    answers.platform = await service.createApplePlatform(unique(), "App", "com.example.app");
    answers.labelled = await service.updateLabels(["blue"]);
    const protocol = service.updateProtocolStatus ?? service.updateProtocol;
    answers.protocol = await protocol.call(service, "graphql", false);
  }
  if (service.createEphemeralKey) answers.ephemeral = await service.createEphemeralKey(["users.read"], 60);
  if (service.createMockPhone) {
    answers.mock = await service.createMockPhone("+15005550001", "123456");
    await service.deleteMockPhone("+15005550001");
  }
}
console.log(JSON.stringify(answers));
