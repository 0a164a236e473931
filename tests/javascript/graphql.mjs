// The Graphql service of the web SDK and of the server SDK, and graphql-request, all unmodified. Prints what they got.
import "./shim.mjs";
import { signIn } from "./people.mjs";
import * as server from "node-appwrite";
import * as web from "appwrite";
import { GraphQLClient } from "graphql-request";
import { buildClientSchema, buildSchema, getIntrospectionQuery, parse, validate } from "graphql";

const [endpoint, project, key] = process.argv.slice(2);
const admin = new server.Graphql(new server.Client().setEndpoint(endpoint).setProject(project).setKey(key));
const databaseId = server.ID.unique();
const made = await admin.mutation({ query: {
  query: `mutation($databaseId: String!, $columns: [Json], $permissions: [String!]) {
    tablesDBCreate(databaseId: $databaseId, name: "G") { _id }
    tablesDBCreateTable(databaseId: $databaseId, tableId: "t", name: "T", permissions: $permissions, columns: $columns) {
      columns { key type ... on ColumnString { size } }
    }
  }`,
  variables: {
    databaseId,
    columns: [{ key: "title", type: "string", size: 20 }],
    permissions: [server.Permission.create(server.Role.users()), server.Permission.read(server.Role.any())],
  },
} });

const { client, user } = await signIn(web, [endpoint, project, key], "grace");
const graphql = new web.Graphql(client);
const created = await graphql.mutation({ query: {
  query: `mutation($databaseId: String!, $data: Json!) {
    tablesDBCreateRow(databaseId: $databaseId, tableId: "t", rowId: "r", data: $data) { _id _permissions data }
  }`,
  variables: { databaseId, data: { title: "One" } },
} });
const batch = await graphql.query({ query: [
  { query: "{ accountGet { _id email prefs { data } } }" },
  { query: `{ tablesDBListRows(databaseId: "${databaseId}", tableId: "t") { total rows { _id data } } }` },
] });
const wrong = await graphql.query({ query: { query: "{ accountGet { nothing } }" } });

const plain = new GraphQLClient(`${endpoint}/graphql`, { headers: { "X-Appwrite-Project": project, "X-Appwrite-Key": key } });
const introspected = await plain.request(getIntrospectionQuery());
const schema = buildClientSchema(introspected);
const text = await (await fetch(`${endpoint}/graphql/schema.graphql`)).text();
const query = `query row($id: String!) { tablesDBGetRow(databaseId: "${databaseId}", tableId: "t", rowId: $id) { data } }`;
const faults = [schema, buildSchema(text)].map((each) => validate(each, parse(query)).length);
const row = await plain.request(query, { id: "r" });
const missing = await plain.request(query, { id: "none" }).catch((error) => error.response.errors[0].extensions);
const several = await plain.batchRequests([{ document: query, variables: { id: "r" } }, { document: "{ localeListContinents { total } }" }]);

console.log(JSON.stringify({ user: user.$id, made, created, batch, wrong, faults, row, missing, several: several.length }));
process.exit(0);
