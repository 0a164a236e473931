// Notes whose words are counted by a function, as soon as they are there, and seen live.
import { endpoint, project } from "./config.js";

const { Account, Channel, Client, Functions, ID, Query, Realtime, TablesDB } = window.Appwrite;
const client = new Client().setEndpoint(endpoint).setProject(project);
const account = new Account(client);
const functions = new Functions(client);
const tables = new TablesDB(client);
const realtime = new Realtime(client);
const table = { databaseId: "notes", tableId: "notes" };

const $ = (id) => document.getElementById(id);
const notes = new Map();
const executions = new Map();

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function render() {
  $("notes").replaceChildren(...[...notes.values()].map(noteEntry));
  $("executions").replaceChildren(...[...executions.values()].reverse().map(executionEntry));
}

function noteEntry(note) {
  const about = [note.words === null ? "…" : `${note.words} words`, ...(note.longest ? [`longest: ${note.longest}`] : [])];
  return element(
    "li",
    {},
    element("span", { className: "text", textContent: note.text }),
    element("span", { className: "about", textContent: about.join(" · ") }),
    element("button", { className: "quiet", textContent: "Longest word", onclick: () => call(note) }),
  );
}

function executionEntry(execution) {
  const entry = element("li", {}, element("span", { textContent: execution.functionId ?? execution.resourceId }), element("span", { className: "about", textContent: execution.status }));
  entry.className = execution.status;
  return entry;
}

function tell(error) {
  $("problem").textContent = error.message;
  $("problem").hidden = false;
}

/** Calls a function without waiting for it: what becomes of it arrives as events. */
const call = (note) =>
  functions.createExecution({ functionId: "longest-word", body: JSON.stringify({ id: note.$id }), async: true }).catch(tell);

$("new-note").onsubmit = async (event) => {
  event.preventDefault();
  const text = new FormData(event.target).get("text");
  event.target.reset();
  await tables.createRow({ ...table, rowId: ID.unique(), data: { text } }).catch(tell);
};

async function start() {
  await account.get().catch(() => account.createAnonymousSession());
  await realtime.subscribe(Channel.tablesdb("notes").table("notes").row(), ({ payload }) => {
    notes.set(payload.$id, payload);
    render();
  });
  await realtime.subscribe(Channel.executions(), ({ payload }) => {
    executions.set(payload.$id, payload);
    render();
  });
  $("live").dataset.state = "on";
  const { rows } = await tables.listRows({ ...table, queries: [Query.orderAsc("$sequence"), Query.limit(100)] });
  for (const row of rows) if (!notes.has(row.$id)) notes.set(row.$id, row);
  render();
}

start().catch(tell);
