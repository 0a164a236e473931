// Clients of the unmodified SDK in a tab of Chromium that falls asleep in every way, or goes offline, again and again.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { run } from "./chaos_clients.mjs";
import { startBrowser, startSite, Tab } from "./sleep.mjs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const config = JSON.parse((await lines.next()).value);
const site = await startSite({ "appwrite-28": readFileSync("node_modules/appwrite-28/dist/iife/sdk.js") });
const { browser, context, front, close } = await startBrowser();
const tab = await Tab.open(context, `${site}/page?sdk=appwrite-28`);
const say = (line) => process.stdout.write(`${line}\n`);
tab.devtools.on("Runtime.bindingCalled", ({ payload }) => say(payload));
await tab.devtools.send("Runtime.enable");
await tab.devtools.send("Runtime.addBinding", { name: "say" });
await tab.value(`(${run})(window.Appwrite, ${JSON.stringify(config)}, (line) => window.say(JSON.stringify(line)))`);
await front.bringToFront();
const { processInfo } = await (await browser.newBrowserCDPSession()).send("SystemInfo.getProcessInfo");
const renderers = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const troubles = {
  frozen: [() => tab.freeze(), () => tab.thaw()],
  offline: [() => context.setOffline(true), () => context.setOffline(false)],
  kept: [() => tab.leave(`${site}/elsewhere`), () => tab.back()],
  // It stands still as a whole, while the browser reads on and answers pings for it.
  stopped: [() => renderers.forEach((id) => process.kill(id, "SIGSTOP")), () => renderers.forEach((id) => process.kill(id, "SIGCONT"))],
};
/** Shorter and longer than all that the server knows of a tab: its pings, and the heartbeats of the SDK. */
const naps = { frozen: [25_000, 8000, 500], offline: [300, 2300], kept: [8000, 25_000, 500], stopped: [500, 8000] };

let healed = false;
lines.next().then(() => (healed = true)); // a line, or the end of the input, ends the troubles
for (let round = 0; !healed; round += 1) {
  const names = Object.keys(troubles);
  const name = names[round % names.length];
  const [begin, end] = troubles[name];
  await pause(800 + Math.random() * 1500);
  await begin();
  await pause(naps[name][Math.floor(round / names.length) % naps[name].length]);
  await end();
  say(JSON.stringify({ trouble: name }));
}
await lines.next();
await close();
process.exit(0);
