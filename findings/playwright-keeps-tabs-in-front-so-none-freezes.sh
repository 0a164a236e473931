#!/usr/bin/env bash
# playwright: a tab that is told to freeze goes on running, and the command says that it succeeded.
#
# `Page.setWebLifecycleState` with `frozen` is how Chromium's own protocol puts a page to sleep, as it does with
# hidden tabs on phones. A good guess says that it works in any page that playwright opened. But playwright
# emulates focus in all its pages, so that each believes to be in front (`visibilityState` is `visible` in every
# tab at once), and Chromium freezes no page that is in front: the command is answered without an error, timers
# and sockets go on, no `freeze` event comes. Tests of sleeping pages pass without a page that ever slept. In a
# browser that one starts oneself and that playwright joins with `noDefaults`, a tab behind another one freezes.
#
# Seen with playwright-core 1.65.1, Chromium 156 (needs `chromium` on the PATH), Node 20, on 2026-11-29.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
cd "$folder"
npm install --silent --no-audit --no-fund --no-package-lock playwright-core@1.65.1
cat >try.mjs <<'JS'
import { spawn } from "node:child_process";
import { chromium } from "playwright-core";

const [program, profile] = process.argv.slice(2);
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function freeze(title, context) {
  const page = await context.newPage();
  await page.evaluate(() => {
    window.ticks = 0;
    window.heard = [];
    setInterval(() => window.ticks++, 100);
    document.addEventListener("freeze", () => window.heard.push("freeze"));
  });
  await (await context.newPage()).bringToFront();
  await wait(1000);
  const devtools = await context.newCDPSession(page);
  const value = async (expression) => (await devtools.send("Runtime.evaluate", { expression, returnByValue: true })).result.value;
  const visibility = await value("document.visibilityState");
  await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
  await wait(500);
  const before = await value("window.ticks");
  await wait(5000);
  const ran = (await value("window.ticks")) - before;
  console.log(`${title}: behind another tab it is ${visibility}; ${ran > 2 ? "its timer went on" : "its timer stood still"}; events: ${(await value("window.heard")).join() || "none"}`);
}

const launched = await chromium.launch({ executablePath: program, args: ["--no-sandbox"] });
await freeze("launched by playwright   ", await launched.newContext());
await launched.close();

const own = spawn(program, ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0", `--user-data-dir=${profile}`, "about:blank"], { stdio: ["ignore", "ignore", "pipe"] });
const address = await new Promise((resolve) => own.stderr.on("data", (text) => {
  const found = String(text).match(/ws:\/\/\S+/);
  if (found) resolve(found[0]);
}));
const joined = await chromium.connectOverCDP(address, { noDefaults: true });
await freeze("joined with `noDefaults` ", joined.contexts()[0]);
own.kill();
await new Promise((resolve) => own.on("exit", resolve));
process.exit(0);
JS
node try.mjs "$chromium" "$folder/profile" | tee out
diff out - <<'OUT'
launched by playwright   : behind another tab it is visible; its timer went on; events: none
joined with `noDefaults` : behind another tab it is hidden; its timer stood still; events: freeze
OUT
