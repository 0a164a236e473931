// Clients of the unmodified SDK in a tab of Chromium that falls asleep, or goes offline, again and again.
import { createServer } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";
import { run } from "./chaos_clients.mjs";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const config = JSON.parse((await lines.next()).value);
const script = readFileSync("node_modules/appwrite-28/dist/iife/sdk.js");
const site = createServer((request, response) => {
  response.setHeader("content-type", request.url === "/sdk.js" ? "text/javascript" : "text/html");
  response.end(request.url === "/sdk.js" ? script : "<!doctype html><title>App</title><script src=/sdk.js></script>");
});
await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
const browser = await chromium.launch({
  executablePath: ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync),
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
const context = await browser.newContext();
const page = await context.newPage();
await page.exposeFunction("say", (line) => process.stdout.write(`${JSON.stringify(line)}\n`));
await page.goto(`http://localhost:${site.address().port}/`);
await page.evaluate(`(${run})(window.Appwrite, ${JSON.stringify(config)}, window.say)`);
const devtools = await browser.newBrowserCDPSession();
const { processInfo } = await devtools.send("SystemInfo.getProcessInfo");
const tabs = processInfo.filter(({ type }) => type === "renderer").map(({ id }) => id);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

let healed = false;
lines.next().then(() => (healed = true)); // a line, or the end of the input, ends the troubles
for (let naps = 1; !healed; naps += 1) {
  await pause(800 + Math.random() * 1500);
  if (naps % 3) {
    // The tab stands still as a whole, while the browser reads on and answers pings for it.
    tabs.forEach((id) => process.kill(id, "SIGSTOP"));
    await pause(naps % 4 ? 300 + Math.random() * 2000 : 8000);
    tabs.forEach((id) => process.kill(id, "SIGCONT"));
    process.stdout.write(`${JSON.stringify({ trouble: "asleep" })}\n`);
  } else {
    await context.setOffline(true);
    await pause(300 + Math.random() * 2000);
    await context.setOffline(false);
    process.stdout.write(`${JSON.stringify({ trouble: "offline" })}\n`);
  }
}
await lines.next();
await browser.close();
process.exit(0);
