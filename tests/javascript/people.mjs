// People with sessions of their own, for scripts that show who sees what.
import * as server from "node-appwrite";

/** Signs somebody new up, and in: `{ user, client, realtime }` of the given web SDK. Ids and addresses are new each time. */
export async function signIn(web, [endpoint, project, key], name) {
  const fresh = () => new web.Client().setEndpoint(endpoint).setProject(project);
  const userId = server.ID.unique();
  const email = `${name}-${userId}@example.com`;
  const password = "correct horse";
  const user = await new web.Account(fresh()).create({ userId, email, password, name });
  const admin = new server.Client().setEndpoint(endpoint).setProject(project).setKey(key);
  const session = await new server.Account(admin).createEmailPasswordSession({ email, password });
  const client = fresh().setSession(session.secret);
  return { user, client, realtime: new web.Realtime(client) };
}
