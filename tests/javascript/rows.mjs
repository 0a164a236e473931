// Tables and rows with unmodified SDKs: a server defines, a web client writes and listens. Prints what happened.
import { subscriptionsAnswered, until } from "./shim.mjs";
import { signIn } from "./people.mjs";
import * as server from "node-appwrite";
import * as web from "appwrite";

const [endpoint, project, key] = process.argv.slice(2);
const { Permission, Role, ID, Channel, Query, Operator } = web;

const admin = new server.Client().setEndpoint(endpoint).setProject(project).setKey(key);
const schema = new server.TablesDB(admin);
const older = new server.Databases(admin);
const databaseId = ID.unique();
await schema.create({ databaseId, name: "Todos" });
const tableId = "todos";
const place = { databaseId, tableId };
await schema.createTable({ ...place, name: "Todos", permissions: [Permission.create(Role.users())], rowSecurity: true });
await schema.createVarcharColumn({ ...place, key: "title", size: 100, required: true });
await schema.createBooleanColumn({ ...place, key: "done", required: false, xdefault: false });
await schema.createIntegerColumn({ ...place, key: "count", required: false, xdefault: 0, min: 0, max: 100 });
await schema.createVarcharColumn({ ...place, key: "tags", size: 20, required: false, array: true });
await schema.createDatetimeColumn({ ...place, key: "due", required: false });
await schema.createPointColumn({ ...place, key: "where", required: false });
await schema.createEnumColumn({ ...place, key: "kind", elements: ["home", "work"], required: false });
await schema.createIndex({ ...place, key: "by_count", type: server.TablesDBIndexType.Key, columns: ["count"] });
await schema.createIndex({ ...place, key: "words", type: server.TablesDBIndexType.Fulltext, columns: ["title"] });
const table = await schema.getTable(place);
const attribute = await older.getAttribute({ databaseId, collectionId: tableId, key: "count" });

async function person(name) {
  const { client, ...others } = await signIn(web, [endpoint, project, key], name);
  return { rows: new web.TablesDB(client), documents: new web.Databases(client), ...others };
}

const alice = await person("alice");
const bob = await person("bob");
const received = { alice: [], bob: [], documents: [], done: [] };
const listen = (who) => ({ events, payload }) => received[who].push({ events: events.slice(0, 1), payload });
await alice.realtime.subscribe(Channel.tablesdb(databaseId).table(tableId).row(), listen("alice"));
await bob.realtime.subscribe(Channel.tablesdb(databaseId).table(tableId).row(), listen("bob"));
await alice.realtime.subscribe(Channel.database(databaseId).collection(tableId).document(), listen("documents"));
await alice.realtime.subscribe("rows", listen("done"), [Query.equal("done", [true])]);
await subscriptionsAnswered(4);

const own = await alice.rows.createRow({ ...place, rowId: "own", data: { title: "buy milk", tags: ["shop"], due: "2030-01-01T10:00:00Z", where: [13.4, 52.5], kind: "home" } });
await alice.rows.createRow({ ...place, rowId: "shared", data: { title: "walk the dog" }, permissions: [Permission.read(Role.users()), Permission.update(Role.user(alice.user.$id)), Permission.delete(Role.user(alice.user.$id))] });
await alice.rows.updateRow({ ...place, rowId: "own", data: { tags: Operator.arrayAppend(["urgent"]), count: Operator.increment(5), done: Operator.toggle() } });
const counted = await alice.rows.incrementRowColumn({ ...place, rowId: "own", column: "count", value: 2, max: 10 });
await alice.rows.upsertRow({ ...place, rowId: "shared", data: { title: "walk the dogs" } });
const found = await alice.rows.listRows({ ...place, queries: [Query.search("title", "mil"), Query.greaterThan("count", 6), Query.contains("tags", ["urgent"]), Query.orderDesc("count"), Query.limit(5)] });
const near = await alice.rows.listRows({ ...place, queries: [Query.distanceLessThan("where", [13.5, 52.5], 20000)] });
const seenByBob = await bob.rows.listRows(place);
const refused = await bob.rows.getRow({ ...place, rowId: "own" }).catch((error) => ({ code: error.code, type: error.type }));
const document = await alice.documents.getDocument({ databaseId, collectionId: tableId, documentId: "own" });
const wrong = await alice.rows.createRow({ ...place, rowId: "x", data: { title: "x", kind: "none" } }).catch((error) => error.type);
const bulk = await schema.createRows({ ...place, rows: [{ $id: "b1", title: "one" }, { $id: "b2", title: "two", $permissions: [Permission.read(Role.users())] }] });
await alice.rows.deleteRow({ ...place, rowId: "shared" });
const removed = await schema.deleteRows({ ...place, queries: [Query.startsWith("title", "o")] });
await until(() => ["alice", "bob", "documents"].every((who) => received[who].some((event) => event.events[0].endsWith("shared.delete"))), "the last event");

await Promise.all([alice, bob].map(({ realtime }) => realtime.disconnect()));
console.log(JSON.stringify({ table, attribute, own, counted, found, near, seenByBob, refused, document, wrong, bulk, removed, received, databaseId }));
process.exit(0);
