// A web SDK of an earlier version: what members of a team and a program with a key read. Prints the answers.
const [name, endpoint, project, key] = process.argv.slice(2);
await import("./shim.mjs");
const sdk = await import(name);
const { signIn } = await import("./people.mjs");

const { client } = await signIn(sdk, [endpoint, project, key], "ada");
const teams = new sdk.Teams(client);
const team = await teams.create({ teamId: sdk.ID.unique(), name: "Team" });
const [member] = (await teams.listMemberships({ teamId: team.$id })).memberships;
const account = await new sdk.Account(client).get();

const headers = { "content-type": "application/json", "X-Appwrite-Project": project, "X-Appwrite-Key": key };
const program = new sdk.Client().setEndpoint(endpoint).setProject(project);
const ephemeral = await program.call("post", new URL(`${endpoint}/project/keys/ephemeral`), headers, { scopes: ["users.read"], duration: 60 });
const whole = await program.call("get", new URL(`${endpoint}/project`), headers);

const format = client.headers["X-Appwrite-Response-Format"];
console.log(JSON.stringify({ format, account, member, ephemeral, project: whole }));
process.exit(0);
