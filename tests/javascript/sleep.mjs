// A Chromium whose tabs can be frozen and kept for the way back, as it does with those that nobody looks at.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** A browser as people have it: playwright's own switches keep all tabs in front, and none for the way back. */
export async function startBrowser() {
  const profile = mkdtempSync(join(tmpdir(), "sleepy-"));
  const program = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
  const switches = ["--headless=new", "--remote-debugging-port=0", "--remote-debugging-pipe", `--user-data-dir=${profile}`, "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
  // The last two are the pipe whose end, also that of this program, ends the browser.
  const process = spawn(program, [...switches, "about:blank"], { stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"] });
  const address = await new Promise((resolve, reject) => {
    let said = "";
    process.stderr.on("data", (text) => {
      said += text;
      const found = said.match(/ws:\/\/\S+/);
      if (found) resolve(found[0]);
    });
    process.on("exit", () => reject(new Error(`Chromium ended: ${said}`)));
  });
  const browser = await chromium.connectOverCDP(address, { noDefaults: true });
  const [context] = browser.contexts();
  const [front] = context.pages();
  const close = async () => {
    const ended = new Promise((resolve) => process.removeAllListeners("exit").on("exit", resolve));
    process.kill();
    await ended;
    for (let attempts = 100; existsSync(profile) && attempts > 0; attempts -= 1) {
      try {
        rmSync(profile, { recursive: true, force: true });
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 100)); // its children are still writing
      }
    }
  };
  return { browser, context, front, close };
}

/** Pages with an SDK on them, by its name, and others to go to. */
export async function startSite(scripts) {
  const site = createServer((request, response) => {
    const script = scripts[request.url.slice(1)];
    response.setHeader("content-type", script ? "text/javascript" : "text/html");
    response.end(script ?? `<!doctype html><title>App</title><script src=/${new URL(request.url, "http://page").searchParams.get("sdk") ?? "nothing"}></script>`);
  });
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  return `http://localhost:${site.address().port}`;
}

/** A tab that can be put to sleep once another one is in front. */
export class Tab {
  static async open(context, address) {
    const page = await context.newPage();
    await page.goto(address);
    const tab = new Tab();
    tab.page = page;
    tab.devtools = await context.newCDPSession(page);
    return tab;
  }

  /** What an expression on the page is; also after the page was kept, when playwright has lost sight of it. */
  async value(expression) {
    const { result, exceptionDetails } = await this.devtools.send("Runtime.evaluate", { expression, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  freeze() {
    return this.devtools.send("Page.setWebLifecycleState", { state: "frozen" });
  }

  thaw() {
    return this.devtools.send("Page.setWebLifecycleState", { state: "active" });
  }

  /** Leaves the page, which is kept for the way back. */
  leave(address) {
    return this.devtools.send("Page.navigate", { url: address });
  }

  async back() {
    const { currentIndex, entries } = await this.devtools.send("Page.getNavigationHistory");
    await this.devtools.send("Page.navigateToHistoryEntry", { entryId: entries[currentIndex - 1].id });
  }
}
