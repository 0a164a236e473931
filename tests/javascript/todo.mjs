// Three people with browsers of their own use the todo example; its address, the outbox and a picture's path are given.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const [address, outbox, screenshot] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync),
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"],
});
const problems = [];

async function person(name, viewport) {
  const page = await (await browser.newContext({ viewport })).newPage();
  page.setDefaultTimeout(30_000);
  page.on("pageerror", (error) => problems.push(`${name}: ${error}`));
  await page.goto(address);
  await page.fill("#sign-in [name=email]", `${name}@example.com`);
  await page.fill("#sign-in [name=password]", "correct horse battery");
  await page.click("#sign-in button[value=up]");
  await page.waitForSelector('#live[data-state="on"]');
  return page;
}

const shown = (page) => page.locator("#tasks li").evaluateAll((entries) => entries.map((entry) => [entry.querySelector("span").textContent, entry.className]));
const add = async (page, title) => {
  await page.fill("#new-task input", title);
  await page.click("#new-task button");
};
const seen = (page, title) => page.waitForSelector(`#tasks li:has-text("${title}")`);

const ada = await person("ada", { width: 860, height: 620 });
const grace = await person("grace", { width: 390, height: 620 });
const eve = await person("eve", { width: 860, height: 620 });

await ada.fill("#new-list input", "Boat trip");
await ada.click("#new-list button");
await add(ada, "Charter the boat");
await seen(ada, "Charter the boat");

// Ada invites Grace, who follows the link of the mail.
await ada.fill("#share input", "grace@example.com");
await ada.click("#share button");
await ada.waitForSelector("#shared:not(:empty)");
const mail = await (await browser.newContext()).newPage();
let link = null;
for (let tries = 0; !link && tries < 300; tries += 1) {
  await mail.goto(outbox);
  for (const entry of await mail.locator("iframe").evaluateAll((frames) => frames.map((frame) => frame.src))) {
    await mail.goto(entry);
    link = (await mail.content()).match(/http:\/\/localhost:\d+\/\?[^"'<\s]*membershipId[^"'<\s]*/)?.[0].replaceAll("&amp;", "&");
    if (link) break;
  }
  if (!link) await new Promise((resolve) => setTimeout(resolve, 200));
}
await grace.goto(link);
await seen(grace, "Charter the boat");
await ada.waitForSelector('#members:has-text("2 people")');

// From here on both work on the list, and see each other's doing without loading anything.
await add(grace, "Ask about the tide");
await seen(ada, "Ask about the tide");
await add(ada, "Buy sandwiches");
await add(ada, "Rain jackets");
await seen(grace, "Rain jackets");
await ada.locator('#tasks li:has-text("Charter the boat") input').check();
await grace.waitForSelector('#tasks li.done:has-text("Charter the boat")');
await grace.waitForFunction(() => document.getAnimations().length === 0);
await grace.screenshot({ path: screenshot.replace(".png", "-phone.png") });
await ada.waitForFunction(() => document.getAnimations().length === 0);
await ada.screenshot({ path: screenshot });
await grace.click('button[aria-label="Delete Buy sandwiches"]');
await ada.waitForSelector('#tasks li:has-text("Buy sandwiches")', { state: "detached" });

// Eve sees nothing of it, live or by loading, and has a list of her own.
const before = await eve.locator("#lists li").count();
await eve.fill("#new-list input", "Eve's own");
await eve.click("#new-list button");
await add(eve, "Listen");
await seen(eve, "Listen");
const outcome = { ada: await shown(ada), grace: await shown(grace), eve: await shown(eve), before, lists: await eve.locator("#lists button").allTextContents() };
await ada.click("#sign-out");
await ada.waitForSelector("#sign-in");
console.log(JSON.stringify({ ...outcome, problems }));
await browser.close();
