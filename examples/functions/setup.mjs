// Makes the table of notes, deploys the functions, and tells the page where the server is.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Client, Functions, Permission, Role, TablesDB } from "node-appwrite";
import { InputFile } from "node-appwrite/file";

const [key, endpoint = "http://localhost:8090/v1", project = "default"] = process.argv.slice(2);
if (!key) {
  console.error("usage: node setup.mjs KEY [ENDPOINT [PROJECT]]");
  process.exit(2);
}

const client = new Client().setEndpoint(endpoint).setProject(project).setKey(key);
const tables = new TablesDB(client);
const functions = new Functions(client);
const isThere = (error) => {
  if (error.code !== 409) throw error;
};

await tables.create({ databaseId: "notes", name: "Notes" }).catch(isThere);
await tables
  .createTable({
    databaseId: "notes",
    tableId: "notes",
    name: "Notes",
    permissions: [Permission.read(Role.users()), Permission.create(Role.users())],
    columns: [
      { key: "text", type: "text", required: true },
      { key: "words", type: "integer" },
      { key: "longest", type: "text" },
    ],
  })
  .catch(isThere);

/** The runtime that a function asks for or, if the server lacks it, the newest of the same language. */
const { runtimes } = await functions.listRuntimes();
function runtimeFor(asked) {
  const keys = runtimes.map((each) => each.$id);
  if (keys.includes(asked)) return asked;
  const language = asked.split("-")[0];
  const found = keys.filter((each) => each.startsWith(`${language}-`)).at(-1);
  if (!found) throw new Error(`The server has no ${language}: it has ${keys.join(", ") || "no runtime at all"}.`);
  return found;
}

const described = JSON.parse(readFileSync(new URL("appwrite.config.json", import.meta.url)));
for (const { $id: functionId, name, runtime, path, entrypoint, events, execute, scopes, timeout } of described.functions) {
  const settings = { functionId, name, runtime: runtimeFor(runtime), entrypoint, events, execute, scopes, timeout };
  await functions.create(settings).catch((error) => {
    isThere(error);
    return functions.update(settings);
  });
  const folder = fileURLToPath(new URL(path, import.meta.url));
  const archive = execFileSync("tar", ["-czf", "-", "-C", folder, "."]);
  const { $id: deploymentId } = await functions.createDeployment({ functionId, code: InputFile.fromBuffer(archive, "code.tar.gz"), activate: true });
  let deployment;
  do {
    await new Promise((resolve) => setTimeout(resolve, 200));
    deployment = await functions.getDeployment({ functionId, deploymentId });
  } while (!["ready", "failed", "canceled"].includes(deployment.status));
  if (deployment.status !== "ready") throw new Error(`${name}: ${deployment.buildLogs}`);
  console.log(`${name} is deployed.`);
}

writeFileSync(new URL("config.js", import.meta.url), `export const endpoint = ${JSON.stringify(endpoint)};\nexport const project = ${JSON.stringify(project)};\n`);
console.log("Next: npm start");
