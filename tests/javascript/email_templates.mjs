// Mail templates with unmodified SDKs: a server sets the project's mail server and a template, a person recovers.
import "./shim.mjs";
import * as server from "node-appwrite";
import * as web from "appwrite";

const [endpoint, project, key, port] = process.argv.slice(2);
const { ID } = web;

const admin = new server.Client().setEndpoint(endpoint).setProject(project).setKey(key);
const settings = new server.Project(admin);
await settings.updateSMTP({
  host: "127.0.0.1", port: Number(port), senderEmail: "team@example.org", senderName: "The Team",
  replyToEmail: "help@example.org", enabled: true,
});
const built = await settings.getEmailTemplate({ templateId: "recovery", locale: "de" });
const made = await settings.updateEmailTemplate({
  templateId: "recovery", locale: "de", subject: "Neu bei {{project}}", senderName: "Die Leute",
  senderEmail: "leute@example.org", replyToEmail: "antwort@example.org",
  message: '<p>Hallo {{user}}</p><a href="{{redirect}}">Weiter</a><p>{{agentPhone}}</p>',
});
const listed = await settings.listEmailTemplates();

const email = `${ID.unique()}@example.com`;
await new server.Users(admin).create({ userId: ID.unique(), email, name: "<b>Ada</b>", password: "correct horse" });
for (const locale of ["de", "fr"]) {
  const client = new web.Client().setEndpoint(endpoint).setProject(project).setLocale(locale);
  await new web.Account(client).createRecovery({ email, url: "http://localhost/recover?a=1&b=2" });
}
console.log(JSON.stringify({ built, made, listed, email }));
process.exit(0);
