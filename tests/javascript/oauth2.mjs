// Signing in at a real OpenID provider: the unmodified web SDK in Chromium, and the SDK for servers.
import { createServer } from "node:http";
import { existsSync, readFileSync } from "node:fs";
import { Account, Client } from "node-appwrite";
import { chromium } from "playwright-core";

const [endpoint, project, key] = process.argv.slice(2);
const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"] });

const script = readFileSync("node_modules/appwrite/dist/iife/sdk.js");
const site = createServer((request, response) => {
  response.setHeader("content-type", request.url === "/sdk.js" ? "text/javascript" : "text/html");
  response.end(request.url === "/sdk.js" ? script : "<!doctype html><title>App</title><script src=/sdk.js></script>");
});
await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
const app = `http://localhost:${site.address().port}`;

/** The forms of the provider: who one is, and that the app may know. */
async function signIn(page, person) {
  await page.waitForSelector('input[name="login"]');
  await page.fill('input[name="login"]', person);
  await page.fill('input[name="password"]', "any");
  await page.click('button[type="submit"]');
  await page.waitForSelector('text="Continue"');
  await page.click('text="Continue"');
}

function begin(page, kind, options = {}) {
  return page.evaluate(
    ({ endpoint, project, kind, options }) => {
      const client = new window.Appwrite.Client().setEndpoint(endpoint).setProject(project);
      const account = new window.Appwrite.Account(client);
      return account[kind]({ provider: "oidc", success: `${location.origin}/in`, failure: `${location.origin}/out`, ...options });
    },
    { endpoint, project, kind, options },
  );
}

function ask(page, work, given = {}) {
  return page.evaluate(
    async ({ endpoint, project, work, given }) => {
      const client = new window.Appwrite.Client().setEndpoint(endpoint).setProject(project);
      const account = new window.Appwrite.Account(client);
      return new Function("account", "given", `return (${work})(account, given)`)(account, given).catch((error) => error.type);
    },
    { endpoint, project, work: work.toString(), given },
  );
}

async function newPage() {
  const context = await browser.newContext();
  // The provider's pages ask for a font elsewhere, and are shown only when it has come.
  await context.route(({ hostname }) => hostname !== "localhost", (route) => route.abort());
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  await page.goto(app);
  return page;
}

async function session() {
  const page = await newPage();
  await begin(page, "createOAuth2Session");
  await signIn(page, "ada");
  await page.waitForURL(`${app}/in`);
  const account = await ask(page, (account) => account.get());
  const before = await ask(page, (account) => account.getSession({ sessionId: "current" }));
  const after = await ask(page, (account) => account.updateSession({ sessionId: "current" }));
  const { identities } = await ask(page, (account) => account.listIdentities());
  await ask(page, (account, { id }) => account.deleteIdentity({ identityId: id }), { id: identities[0].$id });
  const left = await ask(page, (account) => account.listIdentities());
  return { account, before, after, identities, left: left.total };
}

async function token() {
  const page = await newPage();
  await begin(page, "createOAuth2Token");
  await signIn(page, "ada");
  await page.waitForURL(/\/in\?/);
  const { userId, secret } = Object.fromEntries(new URL(page.url()).searchParams);
  return ask(page, (account, given) => account.createSession(given), { userId, secret });
}

async function anonymous() {
  const page = await newPage();
  const { userId } = await ask(page, (account) => account.createAnonymousSession());
  await begin(page, "createOAuth2Session");
  await signIn(page, "eve");
  await page.waitForURL(`${app}/in`);
  return { userId, account: await ask(page, (account) => account.get()) };
}

async function refused() {
  const page = await newPage();
  await begin(page, "createOAuth2Session");
  await page.waitForSelector('text="[ Cancel ]"');
  await page.click('text="[ Cancel ]"');
  await page.waitForURL(/\/out\?/);
  return JSON.parse(new URL(page.url()).searchParams.get("error"));
}

/** A link that an attacker sends, who began the sign-in in a browser of their own. */
async function sentLink() {
  const begun = await fetch(`${endpoint}/account/sessions/oauth2/oidc?project=${project}`, { redirect: "manual" });
  const victim = await newPage();
  await victim.goto(begun.headers.get("location"));
  await signIn(victim, "ada");
  await victim.waitForURL(/\/oidc\/redirect\?/);
  const said = JSON.parse(await victim.textContent("body"));
  await victim.goto(app);
  return { type: said.type, account: await ask(victim, (account) => account.get()) };
}

/** What servers do that render pages: they send the browser on, and make the session themselves. */
async function server() {
  const admin = new Account(new Client().setEndpoint(endpoint).setProject(project).setKey(key));
  const there = await admin.createOAuth2Token({ provider: "oidc", success: `${app}/in`, failure: `${app}/out` });
  const page = await newPage();
  await page.goto(there);
  await signIn(page, "ada");
  await page.waitForURL(/\/in\?/);
  const { userId, secret } = Object.fromEntries(new URL(page.url()).searchParams);
  const session = await admin.createSession({ userId, secret });
  const own = new Account(new Client().setEndpoint(endpoint).setProject(project).setSession(session.secret));
  return { session: { provider: session.provider, uid: session.providerUid }, account: await own.get() };
}

const outcome = {};
for (const step of [session, token, anonymous, refused, sentLink, server]) {
  outcome[step.name] = await step();
}
await browser.close();
site.close();
console.log(JSON.stringify(outcome));
