// Calls a function with the server SDK and waits for its answer. Prints the execution.
import * as sdk from "node-appwrite";

const [endpoint, given] = process.argv.slice(2);
const { project, key, function: functionId, body } = JSON.parse(given);
const functions = new sdk.Functions(new sdk.Client().setEndpoint(endpoint).setProject(project).setKey(key));
console.log(JSON.stringify(await functions.createExecution({ functionId, body })));
