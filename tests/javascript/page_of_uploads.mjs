// Opens a page that lists uploads, uploads a file when the page is connected, and prints what the page shows.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const [address, endpoint, project] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync),
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
const page = await browser.newPage();
const connected = page.waitForResponse((response) => response.url().includes("/realtime/sse"));
await page.goto(address);
await connected;
await page.waitForFunction(() => stream.readyState === EventSource.OPEN);
let shown = [];
for (let tries = 0; shown.length === 0 && tries < 100; tries += 1) {
  if (tries === 0) {
    const form = new FormData();
    form.append("fileId", "unique()");
    form.append("file", new File(["tide"], "live.txt"));
    // The head of the answer comes with `connected`: whatever happens from now on is sent.
    await fetch(`${endpoint}/storage/buckets/demo/files`, { method: "POST", body: form, headers: { "X-Appwrite-Project": project } });
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  shown = await page.locator("#uploads li").allTextContents();
}
console.log(JSON.stringify(shown));
await browser.close();
