// Drives headless Chromium: the demo in two tabs, and the unmodified web SDK on a page of its own.
import { createServer } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { build } from "esbuild";
import { chromium } from "playwright-core";

const [endpoint, project, screenshot, program] = process.argv.slice(2);
const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
const problems = [];
function watch(page) {
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => message.type() === "error" && !message.text().startsWith("Failed to load resource") && problems.push(message.text()));
  return page;
}

async function demo() {
  const base = endpoint.replace(/v1$/, "");
  const [first, second] = [watch(await context.newPage()), watch(await context.newPage())];
  for (const page of [first, second]) {
    await page.goto(base);
    await page.waitForSelector('#status[data-state="live"]');
  }
  const picture = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNk+M9Qz0AEYBxVSF+FABJADveWkH6oAAAAAElFTkSuQmCC", "base64");
  const large = Buffer.alloc(6 * 1024 * 1024, "tide ");
  await first.setInputFiles("#pick", [
    { name: "red.png", mimeType: "image/png", buffer: picture },
    { name: "large.txt", mimeType: "text/plain", buffer: large },
  ]);
  const seen = [];
  for (const page of [first, second]) {
    await page.waitForSelector('#cards li .name[title="large.txt"]');
    await page.waitForFunction(() => document.querySelector("#cards img")?.naturalWidth === 10);
    seen.push({ cards: await page.locator("#cards .name").allTextContents(), latency: await page.textContent("#latency"), frames: await page.locator("#frames summary").allTextContents() });
  }
  await second.screenshot({ path: screenshot });
  await second.locator("#cards li", { hasText: "large.txt" }).hover();
  await second.locator('#cards button[title="Delete large.txt"]').click();
  await first.waitForFunction(() => !document.querySelector('#cards .name[title="large.txt"]'));
  return seen;
}

/** The SDK on a page of another origin (same host, other port), with cookies as browsers keep them. */
async function sdk(name) {
  const script = readFileSync(`node_modules/${name}/dist/iife/sdk.js`);
  const site = createServer((request, response) => {
    response.setHeader("content-type", request.url === "/sdk.js" ? "text/javascript" : "text/html");
    response.end(request.url === "/sdk.js" ? script : "<!doctype html><title>App</title><script src=/sdk.js></script>");
  });
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  const page = watch(await (await browser.newContext()).newPage());
  await page.goto(`http://localhost:${site.address().port}/`);
  const outcome = await page.evaluate(async ({ endpoint, project }) => {
    const { Client, Account, Storage, Realtime, Channel, ID, Permission, Role } = window.Appwrite;
    const client = new Client().setEndpoint(endpoint).setProject(project);
    const account = new Account(client);
    const email = `${ID.unique()}@example.com`;
    await account.create({ userId: ID.unique(), email, password: "correct horse" });
    await account.createEmailPasswordSession({ email, password: "correct horse" });
    const user = await account.get();
    const realtime = new Realtime(client);
    const events = [];
    const arrived = new Promise((resolve) => realtime.subscribe(Channel.files(), (event) => (events.push(event), resolve())).then(() => window.setTimeout(upload, 300)));
    const storage = new Storage(client);
    const upload = () => storage.createFile({ bucketId: "demo", fileId: ID.unique(), file: new File(["hi"], "hi.txt"), permissions: [Permission.read(Role.user(user.$id))] });
    await arrived;
    const sessions = (await account.listSessions()).sessions;
    await account.deleteSession({ sessionId: "current" });
    const afterwards = await account.get().catch((error) => error.type);
    return { events, sessions, afterwards };
  }, { endpoint, project });
  site.close();
  return outcome;
}

/** An event on a bare WebSocket of the browser, and what it and the server agreed on. */
async function compressed() {
  const page = watch(await browser.newPage());
  await page.goto(endpoint.replace(/v1$/, ""));
  return page.evaluate(async ({ endpoint, project }) => {
    const socket = new WebSocket(`${endpoint.replace("http", "ws")}/realtime?project=${project}&channels[]=files`);
    const frames = [];
    const arrived = (type) => new Promise((resolve) => socket.addEventListener("message", ({ data }) => {
      frames.push(data);
      if (JSON.parse(data).type === type) resolve(JSON.parse(data));
    }));
    await arrived("connected");
    const event = arrived("event");
    const form = new FormData();
    form.append("fileId", "unique()");
    form.append("file", new File(["tide"], `${"high-water-".repeat(20)}.txt`));
    await fetch(`${endpoint}/storage/buckets/demo/files`, { method: "POST", body: form, headers: { "X-Appwrite-Project": project } });
    const { data } = await event;
    socket.close(1000);
    await new Promise((resolve) => socket.addEventListener("close", resolve));
    return { extensions: socket.extensions, name: data.payload.name, bytes: frames.at(-1).length };
  }, { endpoint, project });
}

/** A program from the documentation, bundled as an app's build tool would. */
async function documented(program) {
  const bundle = await build({ stdin: { contents: program, resolveDir: "." }, bundle: true, format: "esm", write: false });
  const files = {
    "/": ["text/html", "<!doctype html><title>App</title><script type=module src=/program.js></script>"],
    "/program.js": ["text/javascript", bundle.outputFiles[0].text],
  };
  const site = createServer((request, response) => {
    const [type, body] = files[request.url] ?? ["text/plain", ""];
    response.setHeader("content-type", type);
    response.end(body);
  });
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  const page = watch(await browser.newPage());
  const said = new Promise((resolve) => page.on("console", (message) => message.type() === "log" && resolve(message.text())));
  await page.goto(`http://localhost:${site.address().port}/`);
  const uploaded = await uploadUntil(said);
  site.close();
  return { said: await said, uploaded };
}

/** Uploads small files to the demo's bucket until the program has said something. */
async function uploadUntil(said) {
  let done = false;
  said.then(() => (done = true));
  const names = [];
  while (!done && names.length < 100) {
    const form = new FormData();
    form.append("fileId", "unique()");
    form.append("file", new File(["tide"], `tide-${names.length}.txt`));
    names.push(`tide-${names.length}.txt`);
    await fetch(`${endpoint}/storage/buckets/demo/files`, { method: "POST", body: form, headers: { "X-Appwrite-Project": project } });
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return names;
}

const outcome = { demo: await demo(), sdk27: await sdk("appwrite"), sdk28: await sdk("appwrite-28"), compressed: await compressed(), documented: await documented(program), problems };
await browser.close();
console.log(JSON.stringify(outcome));
