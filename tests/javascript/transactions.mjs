// Transactions with unmodified SDKs: a web client stages and commits, another one listens. Prints what happened.
import { subscriptionsAnswered, until } from "./shim.mjs";
import { signIn } from "./people.mjs";
import * as server from "node-appwrite";
import * as web from "appwrite";

const [endpoint, project, key] = process.argv.slice(2);
const { Channel, ID, Permission, Role } = web;

const admin = new server.Client().setEndpoint(endpoint).setProject(project).setKey(key);
const schema = new server.TablesDB(admin);
const databaseId = ID.unique();
const place = { databaseId, tableId: "accounts" };
await schema.create({ databaseId, name: "Bank" });
const everything = [Permission.create(Role.users()), Permission.read(Role.users()), Permission.update(Role.users()), Permission.delete(Role.users())];
await schema.createTable({ ...place, name: "Accounts", permissions: everything });
await schema.createIntegerColumn({ ...place, key: "balance", required: true, min: 0 });
await schema.createRow({ ...place, rowId: "ann", data: { balance: 100 } });
await schema.createRow({ ...place, rowId: "ben", data: { balance: 0 } });

async function person(name) {
  const { client, ...others } = await signIn(web, [endpoint, project, key], name);
  return { rows: new web.TablesDB(client), ...others };
}

const ann = await person("ann");
const ben = await person("ben");
const received = [];
await ben.realtime.subscribe(Channel.tablesdb(databaseId).table("accounts").row(), ({ events, payload }) => {
  received.push([events[0].split(".").slice(-2).join("."), payload.balance]);
});
await subscriptionsAnswered(1);

const type = (error) => error.type;
const { $id: transactionId, status } = await ann.rows.createTransaction({ ttl: 120 });
const within = { ...place, transactionId };
await ann.rows.decrementRowColumn({ ...within, rowId: "ann", column: "balance", value: 30 });
await ann.rows.incrementRowColumn({ ...within, rowId: "ben", column: "balance", value: 30 });
const { operations } = await ann.rows.createOperations({
  transactionId,
  operations: [
    { action: "create", ...place, rowId: "log", data: { balance: 1 } },
    { action: "upsert", ...place, rowId: "log", data: { balance: 30 } },
  ],
});
await ann.rows.createRow({ ...within, rowId: "temporary", data: { balance: 5 } });
await ann.rows.deleteRow({ ...within, rowId: "temporary" });
const staged = (await ann.rows.listRows(within)).rows.map((row) => [row.$id, row.balance]);
const outside = (await ann.rows.listRows(place)).rows.map((row) => [row.$id, row.balance]);
const hidden = await ben.rows.getTransaction({ transactionId }).catch(type);
const stolen = await ben.rows.updateTransaction({ transactionId, commit: true }).catch(type);
// Whatever the transaction had told would have come before this.
await schema.createRow({ ...place, rowId: "fence", data: { balance: 0 } });
await until(() => received.some(([event]) => event === "fence.create"), "the fence");
const before = received.length;
const committed = await ann.rows.updateTransaction({ transactionId, commit: true });
const again = await ann.rows.updateTransaction({ transactionId, commit: true }).catch(type);
await until(() => received.some(([event]) => event === "temporary.delete"), "the last event");

const other = await ann.rows.createTransaction();
await ann.rows.updateRow({ ...place, rowId: "ann", data: { balance: 1 }, transactionId: other.$id });
await ben.rows.updateRow({ ...place, rowId: "ann", data: { balance: 2 } });
const conflict = await ann.rows.updateTransaction({ transactionId: other.$id, commit: true }).catch((error) => [error.code, error.type]);
const failed = (await ann.rows.getTransaction({ transactionId: other.$id })).status;
const rolledBack = await ann.rows.createTransaction();
await ann.rows.deleteRow({ ...place, rowId: "ann", transactionId: rolledBack.$id });
const rollback = (await ann.rows.updateTransaction({ transactionId: rolledBack.$id, rollback: true })).status;
const listed = (await ann.rows.listTransactions()).transactions.map((each) => each.status);
await ann.rows.deleteTransaction({ transactionId });
const deleted = await ann.rows.getTransaction({ transactionId }).catch(type);

await ben.realtime.disconnect();
console.log(JSON.stringify({ status, operations, staged, outside, hidden, stolen, before, committed, again, received, conflict, failed, rollback, listed, deleted }));
process.exit(0);
