// Every query that an unmodified SDK can write, on a subscription to rows of all kinds. Prints the rows that each got.
import { subscriptionsAnswered, until } from "./shim.mjs";
import * as server from "node-appwrite";
import * as web from "appwrite";

const [endpoint, project, key] = process.argv.slice(2);
const { Channel, ID, Permission, Query, Role } = web;

const tables = new server.TablesDB(new server.Client().setEndpoint(endpoint).setProject(project).setKey(key));
const place = { databaseId: ID.unique(), tableId: "items" };
await tables.create({ databaseId: place.databaseId, name: "Shop" });
await tables.createTable({ ...place, name: "Items", permissions: [Permission.read(Role.any())] });
await tables.createIntegerColumn({ ...place, key: "count", required: false });
await tables.createFloatColumn({ ...place, key: "price", required: false });
await tables.createDatetimeColumn({ ...place, key: "when", required: false });
await tables.createBooleanColumn({ ...place, key: "sold", required: false });
await tables.createStringColumn({ ...place, key: "name", size: 100, required: false });
await tables.createStringColumn({ ...place, key: "tags", size: 20, required: false, array: true });

const largest = Number.MAX_SAFE_INTEGER;
const rows = {
  first: { count: 10, price: 10, when: "2026-06-01T00:00:00.000Z", sold: true, name: "Żółć 😀", tags: ["red", "blue"] },
  second: { count: 1, price: 1.5, when: "2025-06-01", sold: false, name: "abc", tags: ["green"] },
  empty: {},
  last: { count: largest, price: 10.5 },
};
const queries = {
  none: [],
  equal: [Query.equal("count", [10, 2])],
  "equal to a float": [Query.equal("price", 10)],
  "equal to the largest": [Query.equal("count", largest)],
  "equal to a truth value": [Query.equal("sold", false)],
  "equal to a text": [Query.equal("name", "Żółć 😀")],
  "equal to an array": [Query.equal("tags", [["red", "blue"]])],
  "equal to an id": [Query.equal("$id", "second")],
  notEqual: [Query.notEqual("count", 10)],
  lessThan: [Query.lessThan("when", "2026-01-01")],
  lessThanEqual: [Query.lessThanEqual("price", 1.5)],
  greaterThan: [Query.greaterThan("when", new Date("2026-01-01").toISOString())],
  greaterThanEqual: [Query.greaterThanEqual("price", 10.5)],
  isNull: [Query.isNull("sold")],
  isNotNull: [Query.isNotNull("sold")],
  or: [Query.or([Query.equal("count", 1), Query.and([Query.equal("count", 10), Query.equal("sold", true)])])],
  select: [Query.select(["*"])],
  between: [Query.between("count", 5, 15)],
  notBetween: [Query.notBetween("count", 5, 15)],
  startsWith: [Query.startsWith("name", "Żó")],
  notStartsWith: [Query.notStartsWith("name", "Żó")],
  endsWith: [Query.endsWith("name", "😀")],
  notEndsWith: [Query.notEndsWith("name", "😀")],
  contains: [Query.contains("tags", ["red"])],
  notContains: [Query.notContains("tags", ["red"])],
  search: [Query.search("name", "żółć")],
  notSearch: [Query.notSearch("name", "żółć")],
  createdAfter: [Query.createdAfter("2020-01-01")],
  exists: [Query.exists(["count", "price"])],
  notExists: [Query.notExists(["colour"])],
  "all of several": [Query.greaterThan("count", 5), Query.lessThan("price", 10.2)],
};

const realtime = new web.Realtime(new web.Client().setEndpoint(endpoint).setProject(project));
const received = {};
for (const [name, wanted] of Object.entries(queries)) {
  received[name] = [];
  await realtime.subscribe(Channel.tablesdb(place.databaseId).table("items").row(), ({ payload }) => received[name].push(payload.$id), wanted);
}
await subscriptionsAnswered(Object.keys(queries).length);
for (const [rowId, data] of Object.entries(rows)) await tables.createRow({ ...place, rowId, data });
await until(() => received.none.includes("last"), "the last row");
console.log(JSON.stringify(received));
process.exit(0);
