// Relationships with unmodified SDKs: a server defines, web clients write, read and listen. Prints what happened.
import { subscriptionsAnswered, until } from "./shim.mjs";
import { signIn } from "./people.mjs";
import * as server from "node-appwrite";
import * as web from "appwrite";

const [endpoint, project, key] = process.argv.slice(2);
const { Permission, Role, ID, Channel, Query } = web;

const admin = new server.Client().setEndpoint(endpoint).setProject(project).setKey(key);
const schema = new server.TablesDB(admin);
const older = new server.Databases(admin);
const databaseId = ID.unique();
await schema.create({ databaseId, name: "Library" });
const anyone = [Permission.read(Role.any()), Permission.write(Role.users())];
await schema.createTable({ databaseId, tableId: "authors", name: "Authors", permissions: anyone });
await schema.createTable({ databaseId, tableId: "books", name: "Books", permissions: anyone });
await schema.createTable({ databaseId, tableId: "notes", name: "Notes", permissions: [Permission.create(Role.users())], rowSecurity: true });
for (const tableId of ["authors", "books", "notes"]) {
  await schema.createVarcharColumn({ databaseId, tableId, key: "name", size: 100, required: false });
}
const column = await schema.createRelationshipColumn({
  databaseId, tableId: "books", relatedTableId: "authors", type: server.RelationshipType.ManyToOne, twoWay: true,
  key: "author", twoWayKey: "books", onDelete: server.RelationMutate.Cascade,
});
const changed = await schema.updateRelationshipColumn({ databaseId, tableId: "books", key: "author", onDelete: server.RelationMutate.Restrict });
const attribute = await older.createRelationshipAttribute({
  databaseId, collectionId: "books", relatedCollectionId: "notes", type: server.RelationshipType.ManyToMany, key: "notes",
});
const renamed = await older.updateRelationshipAttribute({ databaseId, collectionId: "books", key: "notes", newKey: "remarks" });
const other = await schema.getColumn({ databaseId, tableId: "authors", key: "books" });
const listed = await schema.listColumns({ databaseId, tableId: "books", queries: [Query.equal("type", ["relationship"])] });

async function person(name) {
  const { client, ...others } = await signIn(web, [endpoint, project, key], name);
  return { rows: new web.TablesDB(client), ...others };
}

const alice = await person("alice");
const bob = await person("bob");
const received = { alice: [], bob: [] };
const listen = (who) => ({ events, payload }) => received[who].push({ event: events[0], payload });
await alice.realtime.subscribe("rows", listen("alice"));
await bob.realtime.subscribe("rows", listen("bob"));
await subscriptionsAnswered(2);

const authors = { databaseId, tableId: "authors" };
const books = { databaseId, tableId: "books" };
const created = await alice.rows.createRow({ ...books, rowId: "emma", data: {
  name: "Emma", author: { $id: "jane", name: "Jane" }, remarks: [{ $id: "secret", name: "for Alice only" }],
} });
await alice.rows.updateRow({ ...authors, rowId: "jane", data: { books: ["emma", { $id: "persuasion", name: "Persuasion" }] } });
const plain = await alice.rows.getRow({ ...books, rowId: "emma" });
const queries = [Query.select(["*", "author.books.name", "remarks.*"]), Query.equal("author.name", ["Jane"]), Query.orderAsc("name")];
const seenByAlice = await alice.rows.listRows({ ...books, queries });
const seenByBob = await bob.rows.listRows({ ...books, queries });
const guessed = await bob.rows.listRows({ ...books, queries: [Query.startsWith("remarks.name", "for Alice")] });
const restricted = await alice.rows.deleteRow({ ...authors, rowId: "jane" }).catch((error) => ({ code: error.code, type: error.type }));
const invalid = await bob.rows.updateRow({ ...books, rowId: "emma", data: { remarks: ["secret"] } }).catch((error) => error.type);
await alice.rows.updateRow({ ...authors, rowId: "jane", data: { books: [] } });
await alice.rows.deleteRow({ ...authors, rowId: "jane" });
await until(() => ["alice", "bob"].every((who) => received[who].some(({ event }) => event.endsWith("jane.delete"))), "the last event");

await Promise.all([alice, bob].map(({ realtime }) => realtime.disconnect()));
console.log(JSON.stringify({ databaseId, column, changed, attribute, renamed, other, listed, created, plain, seenByAlice, seenByBob, guessed, restricted, invalid, received }));
process.exit(0);
