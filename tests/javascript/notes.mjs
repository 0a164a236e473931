// Somebody uses the functions example in Chromium, another one looks on; its address and a picture's path are given.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const [address, screenshot] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync),
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
const problems = [];

async function visitor(name) {
  const page = await (await browser.newContext({ viewport: { width: 960, height: 420 } })).newPage();
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => problems.push(`${name}: ${error}`));
  await page.goto(address);
  await page.waitForSelector('#live[data-state="on"]');
  return page;
}

const notes = (page) => page.locator("#notes li").evaluateAll((entries) => entries.map((entry) => [...entry.querySelectorAll("span")].map((each) => each.textContent)));

const ada = await visitor("ada");
const grace = await visitor("grace");
for (const text of ["Charter the boat", "Ask about the tide at noon"]) {
  await ada.fill("#new-note input", text);
  await ada.click("#new-note button");
  // The row, then what the function wrote into it.
  await grace.waitForSelector(`#notes li:has-text("${text}"):has-text("words")`);
}
await ada.click('#notes li:has-text("Charter") button');
await grace.waitForSelector('#notes li:has-text("longest: Charter")');
await ada.waitForSelector("#executions li.completed");
await ada.waitForSelector('#notes li:has-text("longest: Charter")');
await ada.screenshot({ path: screenshot });
console.log(JSON.stringify({ problems, ada: await notes(ada), grace: await notes(grace), mine: await ada.locator("#executions li").count(), others: await grace.locator("#executions li").count() }));
await browser.close();
