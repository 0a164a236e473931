// Todo lists that people share: a list is a team, a task is a row that the team may read and change.
import { endpoint, project } from "./config.js";

const { Account, Channel, Client, ID, Permission, Query, Realtime, Role, TablesDB, Teams } = window.Appwrite;
const client = new Client().setEndpoint(endpoint).setProject(project);
const account = new Account(client);
const teams = new Teams(client);
const tables = new TablesDB(client);
const realtime = new Realtime(client);
const table = { databaseId: "todo", tableId: "tasks" };

const $ = (id) => document.getElementById(id);
const state = { user: null, lists: [], listId: null, tasks: new Map(), members: 0 };

// ---------------------------------------------------------------- what one sees

function render() {
  $("welcome").hidden = Boolean(state.user);
  $("app").hidden = $("sign-out").hidden = !state.user;
  $("who").textContent = state.user?.email ?? "";
  const list = state.lists.find((each) => each.$id === state.listId);
  $("list").hidden = !list;
  $("no-list").hidden = Boolean(list);
  $("list-name").textContent = list?.name ?? "";
  $("members").textContent = state.members > 1 ? `${state.members} people` : "only you";
  $("lists").replaceChildren(...state.lists.map(listEntry));
  const tasks = [...state.tasks.values()].sort((a, b) => Number(a.$sequence) - Number(b.$sequence));
  keepEntries($("tasks"), tasks);
  $("empty").hidden = tasks.length > 0;
}

function listEntry(list) {
  const button = element("button", { textContent: list.name, type: "button", onclick: () => open(list.$id) });
  button.setAttribute("aria-current", list.$id === state.listId);
  return element("li", {}, button);
}

/** Changes what is shown only where it changed, so that focus and animations stay. */
function keepEntries(parent, tasks) {
  const shown = new Map([...parent.children].map((entry) => [entry.dataset.id, entry]));
  parent.replaceChildren(...tasks.map((task) => updated(shown.get(task.$id) ?? taskEntry(task), task)));
}

function taskEntry(task) {
  const tick = element("input", { type: "checkbox", onchange: () => change(task.$id, { done: tick.checked }) });
  const remove = element("button", { type: "button", textContent: "✕", onclick: () => tables.deleteRow({ ...table, rowId: task.$id }).catch(tell) });
  const entry = element("li", {}, element("label", {}, tick, element("span")), remove);
  entry.dataset.id = task.$id;
  return entry;
}

function updated(entry, task) {
  entry.className = task.done ? "done" : "";
  entry.querySelector("input").checked = task.done;
  entry.querySelector("span").textContent = task.title;
  entry.querySelector("button").setAttribute("aria-label", `Delete ${task.title}`);
  return entry;
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function tell(error) {
  $("problem").textContent = error?.message ?? "";
  $("problem").hidden = !error;
}

// ---------------------------------------------------------------- what one does

async function loadLists() {
  state.lists = (await teams.list()).teams;
  if (!state.lists.some((each) => each.$id === state.listId)) state.listId = state.lists[0]?.$id ?? null;
  await loadTasks();
}

async function loadTasks() {
  state.tasks = new Map();
  if (state.listId) {
    const [page, members] = await Promise.all([
      tables.listRows({ ...table, queries: [Query.equal("list", state.listId), Query.limit(100)] }),
      teams.listMemberships({ teamId: state.listId }),
    ]);
    state.tasks = new Map(page.rows.map((task) => [task.$id, task]));
    state.members = members.memberships.filter((each) => each.confirm).length;
  }
  render();
}

function open(listId) {
  state.listId = listId;
  return loadTasks().catch(tell);
}

const change = (rowId, data) => tables.updateRow({ ...table, rowId, data }).catch(tell);

function onSubmit(id, action) {
  $(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    const form = event.target;
    const given = Object.fromEntries(new FormData(form, event.submitter));
    form.reset(); // at once: what is typed while the server works belongs to the next one
    tell(null);
    try {
      await action(given);
    } catch (error) {
      tell(error);
      for (const input of form.querySelectorAll("input")) input.value ||= given[input.name];
    }
  });
}

onSubmit("sign-in", async ({ email, password, action }) => {
  if (action === "up") await account.create({ userId: ID.unique(), email, password });
  await account.createEmailPasswordSession({ email, password });
  await begin();
});

onSubmit("new-list", async ({ name }) => {
  const list = await teams.create({ teamId: ID.unique(), name });
  state.listId = list.$id;
  await loadLists();
});

onSubmit("new-task", ({ title }) => {
  const people = Role.team(state.listId);
  const permissions = [Permission.read(people), Permission.update(people), Permission.delete(people)];
  return tables.createRow({ ...table, rowId: ID.unique(), data: { title, list: state.listId }, permissions });
});

onSubmit("share", async ({ email }) => {
  await teams.createMembership({ teamId: state.listId, roles: [], email, url: `${location.origin}/` });
  $("shared").textContent = `${email} gets a link by mail; without a mail server it is in the demo's outbox.`;
});

$("sign-out").addEventListener("click", async () => {
  await realtime.disconnect();
  await account.deleteSession({ sessionId: "current" });
  location.reload();
});

// ---------------------------------------------------------------- what others do

function taskHappened({ events, payload }) {
  if (payload.list !== state.listId) return;
  if (events.some((name) => name.endsWith(".delete"))) state.tasks.delete(payload.$id);
  else state.tasks.set(payload.$id, payload);
  render();
}

async function listen() {
  realtime.onOpen(() => ($("live").dataset.state = "on"));
  realtime.onClose(() => ($("live").dataset.state = "off"));
  await realtime.subscribe(Channel.tablesdb(table.databaseId).table(table.tableId).row(), taskHappened);
  await realtime.subscribe([Channel.teams(), Channel.memberships()], () => loadLists().catch(tell));
}

/** The link of an invitation leads here; it also signs in. */
async function acceptInvitation() {
  const { teamId, membershipId, userId, secret } = Object.fromEntries(new URLSearchParams(location.search));
  if (!secret) return;
  history.replaceState(null, "", location.pathname);
  await teams.updateMembershipStatus({ teamId, membershipId, userId, secret });
  state.listId = teamId;
}

async function begin() {
  state.user = await account.get().catch(() => null);
  if (state.user) {
    await listen();
    await loadLists();
  }
  render();
}

await acceptInvitation().catch(tell);
await begin();
