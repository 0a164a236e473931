// The SDK of consoles of an earlier version manages a project, by the older paths. Prints the answers.
import "./shim.mjs";
const [name, endpoint] = process.argv.slice(2);
const sdk = await import(name);
const { ID } = sdk;
const client = new sdk.Client().setEndpoint(endpoint).setProject("console");
const account = new sdk.Account(client);
const said = console.log;
console.log = console.warn = () => {}; // SDKs say there where they keep sessions

const email = "admin@example.com";
await account.create(ID.unique(), email, "correct horse", "Admin");
await account.createEmailPasswordSession(email, "correct horse");
const answers = { format: client.headers["X-Appwrite-Response-Format"], account: await account.get() };
const team = await new sdk.Teams(client).create(ID.unique(), "Organisation");
const projects = new sdk.Projects(client);
const id = "shop";
answers.created = await projects.create(id, "Shop", team.$id, undefined, "Sells things");
answers.web = await projects.createPlatform(id, "web", "Site", undefined, undefined, "app.example.com");
answers.app = await projects.createPlatform(id, "apple-ios", "App", "com.example.app");
answers.key = await projects.createKey(id, "Server", ["users.read"]);
answers.webhook = await projects.createWebhook(id, "Hook", ["users.*"], "https://receiver.example.com/", true, true, "reader", "secret word");
answers.limit = await projects.updateAuthLimit(id, 100);
answers.unlimited = await projects.updateAuthLimit(id, 0);
answers.history = await projects.updateAuthPasswordHistory(id, 5);
answers.forgotten = await projects.updateAuthPasswordHistory(id, 0);
answers.alerts = await projects.updateSessionAlerts(id, true);
answers.method = await projects.updateAuthStatus(id, "anonymous", false);
answers.service = await projects.updateServiceStatus(id, "locale", false);
answers.protocol = await projects.updateAPIStatus(id, "realtime", false);
answers.privacy = await projects.updateMembershipsPrivacy(id, true, true, true);
answers.mocks = await projects.updateMockNumbers(id, [{ phone: "+15005550001", otp: "123456" }]);
answers.jwt = await projects.createJWT(id, ["users.read"], 60);
answers.project = await projects.get(id);
answers.listed = (await projects.list()).projects[0];
answers.platforms = (await projects.listPlatforms(id)).platforms;
answers.webhooks = (await projects.listWebhooks(id)).webhooks;
said(JSON.stringify(answers));
