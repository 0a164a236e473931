// A real OpenID provider, with one client and two people: one whose address is verified, one whose is not.
// Prints its port; ends when standard input does.
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [redirectUri] = process.argv.slice(2);
const PEOPLE = {
  ada: { name: "Ada Lovelace", email: "ada@example.com", email_verified: true },
  eve: { name: "Eve", email: "victim@example.com", email_verified: false },
};
const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://localhost:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "tidewire",
      client_secret: "s3cret of the client / with +signs",
      redirect_uris: [redirectUri],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
    },
  ],
  pkce: { required: () => true },
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  scopes: ["openid", "offline_access", "profile", "email"],
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...PEOPLE[id] }) }),
  issueRefreshToken: async () => true,
  cookies: { keys: ["for tests"] },
});
server.on("request", provider.callback());
process.stdin.resume().on("end", () => process.exit());
console.log(issuer);
