// A browser's EventSource on the page of the demo: prints what it receives, and comes back by itself.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const [endpoint, project] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync),
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
const page = await browser.newPage();
await page.exposeFunction("say", (line) => process.stdout.write(`${JSON.stringify(line)}\n`));
await page.goto(endpoint.replace(/v1$/, ""));
await page.evaluate(([endpoint, project]) => {
  const stream = new EventSource(`${endpoint}/realtime/sse?project=${project}&channels[]=files`);
  for (const kind of ["connected", "response"]) stream.addEventListener(kind, ({ data }) => window.say([kind, JSON.parse(data).data]));
  stream.addEventListener("event", ({ data }) => window.say(["event", JSON.parse(data).data.payload.name]));
}, [endpoint, project]);
process.stdin.on("end", () => browser.close().then(() => process.exit(0))).resume();
