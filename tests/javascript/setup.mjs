// Sets an instance up with the server SDK; `step` names what to do, the rest is JSON. Prints JSON.
import * as sdk from "node-appwrite";

const [endpoint, step, given] = process.argv.slice(2);
const input = JSON.parse(given ?? "{}");
const client = () => new sdk.Client().setEndpoint(endpoint);

const steps = {
  async platform() {
    const email = "admin@example.com";
    const password = "correct horse";
    const guest = client().setProject("console");
    await new sdk.Account(guest).create({ userId: sdk.ID.unique(), email, password, name: "Admin" });
    // The SDK keeps no cookies: the session's is taken from the answer, as a browser would.
    const answer = await fetch(`${endpoint}/account/sessions/email`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-appwrite-project": "console", origin: "http://localhost" },
      body: JSON.stringify({ email, password }),
    });
    const cookie = answer.headers.getSetCookie().map((each) => each.split(";")[0]).join("; ");
    const console_ = client().setProject("console").setCookie(cookie);
    await new sdk.Teams(console_).create({ teamId: "org", name: "Organisation" });
    const organization = client().setProject("console").setCookie(cookie);
    organization.headers["X-Appwrite-Organization"] = "org";
    const project = await new sdk.Organization(organization).createProject({ projectId: "shop", name: "Shop" });
    const admin = client().setProject(project.$id).setCookie(cookie);
    admin.headers["X-Appwrite-Mode"] = "admin";
    const scopes = ["users.read", "users.write", "teams.read", "teams.write", "sessions.write"];
    const key = await new sdk.Project(admin).createKey({ keyId: sdk.ID.unique(), name: "Server", scopes });
    return { project: project.$id, key: key.secret };
  },

  async person() {
    const server = client().setProject(input.project).setKey(input.key);
    const user = await new sdk.Users(server).create({ userId: sdk.ID.unique(), email: "ada@example.com", password: "correct horse", name: "Ada" });
    const session = await new sdk.Users(server).createSession({ userId: user.$id });
    return { user: user.$id, session: session.secret };
  },

  async live() {
    const server = client().setProject(input.project).setKey(input.key);
    await new sdk.Users(server).updateName({ userId: input.user, name: "Ada Lovelace" });
    const team = await new sdk.Teams(server).create({ teamId: sdk.ID.unique(), name: "Analysts" });
    await new sdk.Teams(server).createMembership({ teamId: team.$id, userId: input.user, roles: ["editor"] });
    await new sdk.Users(server).createSession({ userId: input.user });
    return {};
  },
};

console.log(JSON.stringify(await steps[step]()));
