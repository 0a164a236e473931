// Makes the database of the todo lists, with an API key, and tells the page where the server is.
import { writeFileSync } from "node:fs";
import { Client, Permission, Role, TablesDB, TablesDBIndexType } from "node-appwrite";

const [key, endpoint = "http://localhost:8090/v1", project = "default"] = process.argv.slice(2);
if (!key) {
  console.error("usage: node setup.mjs KEY [ENDPOINT [PROJECT]]");
  process.exit(2);
}

const tables = new TablesDB(new Client().setEndpoint(endpoint).setProject(project).setKey(key));
const databaseId = "todo";
const tableId = "tasks";

const exists = await tables.getTable({ databaseId, tableId }).then(() => true, () => false);
if (!exists) {
  await tables.create({ databaseId, name: "Todo" }).catch((error) => {
    if (error.code !== 409) throw error;
  });
  await tables.createTable({
    databaseId,
    tableId,
    name: "Tasks",
    permissions: [Permission.create(Role.users())], // who may read and change a task, each task says itself
    rowSecurity: true,
    columns: [
      { key: "title", type: "varchar", size: 200, required: true },
      { key: "done", type: "boolean", default: false },
      { key: "list", type: "varchar", size: 36, required: true },
    ],
    indexes: [{ key: "list", type: TablesDBIndexType.Key, attributes: ["list"] }],
  });
}

writeFileSync(new URL("config.js", import.meta.url), `export const endpoint = ${JSON.stringify(endpoint)};\nexport const project = ${JSON.stringify(project)};\n`);
console.log("The database is ready. Next: npm start");
