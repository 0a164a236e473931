// Documents and vectors with the unmodified web SDK: two users write and listen. Prints what happened.
import { subscriptionsAnswered, until } from "./shim.mjs";
import { signIn } from "./people.mjs";
import * as web from "appwrite";

const [endpoint, project, key, databaseId, vectorsId] = process.argv.slice(2);
const { Permission, Role, Query } = web;
const notes = { databaseId, collectionId: "notes" };
const images = { databaseId: vectorsId, collectionId: "images" };

async function person(name) {
  const { client, ...others } = await signIn(web, [endpoint, project, key], name);
  return { documents: new web.DocumentsDB(client), vectors: new web.VectorsDB(client), ...others };
}

const alice = await person("alice");
const bob = await person("bob");
const received = { alice: [], bob: [], important: [], vectors: [] };
const listen = (who) => ({ events, payload }) => received[who].push({ event: events[0], payload });
const channel = `documentsdb.${databaseId}.collections.notes.documents`;
await alice.realtime.subscribe(channel, listen("alice"));
await bob.realtime.subscribe(channel, listen("bob"));
await alice.realtime.subscribe("documents", listen("important"), [Query.equal("important", [true])]);
await bob.realtime.subscribe(`vectorsdb.${vectorsId}.collections.images.documents`, listen("vectors"));
await subscriptionsAnswered(4);

const own = await alice.documents.createDocument({ ...notes, documentId: "own", data: { title: "buy milk", tags: ["shop"], place: { city: "Kyoto", visits: 1 } } });
await alice.documents.createDocument({ ...notes, documentId: "shared", data: { title: "tide tables", anything: { goes: [1, null, { deep: true }] } }, permissions: [Permission.read(Role.users()), Permission.write(Role.user(alice.user.$id))] });
await alice.documents.updateDocument({ ...notes, documentId: "own", data: { important: true } });
const counted = await alice.documents.incrementDocumentAttribute({ ...notes, documentId: "own", attribute: "place.visits", value: 2 });
await alice.documents.upsertDocument({ ...notes, documentId: "shared", data: { title: "tides" } });
const found = await alice.documents.listDocuments({ ...notes, queries: [Query.equal("place.city", "Kyoto"), Query.greaterThan("place.visits", 2), Query.exists(["important"]), Query.contains("tags", ["shop"]), Query.orderDesc("place.visits")] });
const searched = await alice.documents.listDocuments({ ...notes, queries: [Query.search("title", "tid")] });
const matched = await alice.documents.listDocuments({ ...notes, queries: [Query.elemMatch("anything.goes", [Query.equal("deep", true)])] });
const seenByBob = await bob.documents.listDocuments(notes);
const refused = await bob.documents.getDocument({ ...notes, documentId: "own" }).catch((error) => ({ code: error.code, type: error.type }));
await alice.documents.deleteDocument({ ...notes, documentId: "shared" });

const data = (embeddings, kind) => ({ embeddings, metadata: { kind } });
await alice.vectors.createDocument({ ...images, documentId: "cat", data: data([1, 0, 0.1], "animal"), permissions: [Permission.read(Role.users())] });
await alice.vectors.createDocument({ ...images, documentId: "dog", data: data([0.9, 0.1, 0], "animal") });
await alice.vectors.createDocument({ ...images, documentId: "car", data: data([0, 1, 0], "thing"), permissions: [Permission.read(Role.users())] });
const nearest = await alice.vectors.listDocuments({ ...images, queries: [Query.vectorCosine("embeddings", [1, 0, 0]), Query.limit(2)] });
const filtered = await alice.vectors.createQuery({ ...images, queries: [Query.vectorDot("embeddings", [1, 0, 0]), Query.equal("metadata.kind", "thing")] });
const nearestToBob = await bob.vectors.listDocuments({ ...images, queries: [Query.vectorEuclidean("embeddings", [1, 0, 0]), Query.limit(2)] });
const wrong = await alice.vectors.createDocument({ ...images, documentId: "x", data: data([1, 2]) }).catch((error) => error.type);

await until(() => ["alice", "bob"].every((who) => received[who].some(({ event }) => event.endsWith("shared.delete"))), "the last document");
await until(() => received.vectors.some(({ event }) => event.endsWith("car.create")), "the last vector");
await Promise.all([alice, bob].map(({ realtime }) => realtime.disconnect()));
console.log(JSON.stringify({ own, counted, found, searched, matched, seenByBob, refused, nearest, filtered, nearestToBob, wrong, received }));
process.exit(0);
