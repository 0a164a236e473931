// Tabs with unmodified SDKs that fall asleep, each in its way and for its time, while rows are written.
import { readFileSync } from "node:fs";
import { startBrowser, startSite, Tab } from "./sleep.mjs";

const { endpoint, project, key, channel, table, session, tabs } = JSON.parse(readFileSync(0, "utf8"));
const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const site = await startSite({
  "appwrite-28": readFileSync("node_modules/appwrite-28/dist/iife/sdk.js"),
  "appwrite-24": readFileSync("node_modules/appwrite-24/dist/iife/sdk.js"),
});
const browser = await startBrowser();
// Cookies are for a host: who is to be a guest, or to show its session by a message, knows the server by another.
await browser.context.addCookies([{ name: `a_session_${project}`, value: session, domain: "localhost", path: "/" }]);

/** On the page: subscribe, keep what comes, and note what the server says of the subscription. */
function listen({ Client, Realtime, Query }, { sdk, endpoint, project, channel, session, number }) {
  window.rows = [];
  window.told = [];
  window.slept = 0;
  document.addEventListener("freeze", () => (window.slept += 1));
  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(url) {
      super(url);
      this.addEventListener("message", ({ data }) => {
        const frame = JSON.parse(data);
        if (frame.type === "connected" && sdk === "appwrite-24" && (frame.data.user || !session)) window.told.push("connected");
        if (frame.type === "response" && frame.data.to === "authentication" && sdk === "appwrite-24") window.told.push("connected");
        if (frame.type === "response" && frame.data.to === "subscribe") window.told.push(frame.data.subscriptions[0].recovered ?? "new");
      });
    }
  };
  const client = new Client().setEndpoint(endpoint).setProject(project);
  if (session) client.setSession(session);
  const queries = [Query.notEqual("number", -1 - number)]; // true for all, and another for each app
  const subscriber = Realtime ? new Realtime(client) : client;
  subscriber.subscribe(channel, ({ payload }) => window.rows.push(payload.$id), queries);
}

async function open(tab, number) {
  const opened = await Tab.open(browser.context, `${site}/page?sdk=${tab.sdk}`);
  const address = tab.who === "cookie" ? endpoint.replace("127.0.0.1", "localhost") : endpoint;
  const given = { sdk: tab.sdk, endpoint: address, project, channel, session: tab.who === "session" ? session : "", number: tab.twin ?? number };
  await opened.value(`(${listen})(window.Appwrite, ${JSON.stringify(given)})`);
  while (!(await opened.value("window.told.length"))) await pause(0.1);
  return opened;
}

const written = [];
let writing = true;
async function write() {
  const headers = { "content-type": "application/json", "x-appwrite-project": project, "x-appwrite-key": key };
  while (writing) {
    const rowId = `row${written.length}`;
    const answer = await fetch(`${endpoint}${table}/rows`, { method: "POST", headers, body: JSON.stringify({ rowId, data: { number: written.length } }) });
    if (answer.status !== 201) throw new Error(await answer.text());
    written.push(rowId);
    await pause(0.1);
  }
}

/** One tab's sleep; says where in what was written it began and ended. */
async function sleep(opened, { how, seconds, after }) {
  await pause(after);
  const from = written.length;
  if (how === "frozen") {
    await opened.freeze();
    await pause(seconds);
    await opened.thaw();
  } else if (how === "kept") {
    await opened.leave(`${site}/elsewhere`);
    await pause(seconds);
    await opened.back();
  } else {
    await pause(seconds);
  }
  return { from, until: written.length };
}

async function result(opened, began, until) {
  const expected = written.slice(began);
  for (let patience = 300; patience > 0; patience -= 1) {
    const got = new Set((await opened.value("window.rows")) ?? []);
    if (expected.every((row) => got.has(row))) break;
    await pause(0.1);
  }
  return { began, ...until, rows: await opened.value("window.rows"), told: await opened.value("window.told"), slept: await opened.value("window.slept") };
}

try {
  const opened = [];
  for (const [number, tab] of tabs.entries()) opened.push(await open(tab, number));
  await browser.front.bringToFront();
  const writer = write();
  const sleeps = await Promise.all(opened.map((tab, number) => sleep(tab, tabs[number])));
  await pause(2);
  writing = false;
  await writer;
  const results = await Promise.all(opened.map((tab, number) => result(tab, 0, sleeps[number])));
  console.log(JSON.stringify({ written, results }));
} finally {
  await browser.close();
}
process.exit(0);
