// URLs of files, previews and avatars as the unmodified SDKs make them, read like a browser reads an <img>; and
// the server SDK, which fetches. Prints what came.
import { InputFile } from "node-appwrite/file";
import * as server from "node-appwrite";
import "./shim.mjs";

const [sdk, endpoint, project, key, picture] = process.argv.slice(2);
const web = await import(sdk);
const admin = new server.Client().setEndpoint(endpoint).setProject(project).setKey(key);
const files = new server.Storage(admin);
const tokens = new server.Tokens(admin);
const bucketId = server.ID.unique();
await files.createBucket({ bucketId, name: "Private", permissions: [] });
const buffer = Buffer.from(picture, "base64");
const { $id: fileId } = await files.createFile({ bucketId, fileId: server.ID.unique(), file: InputFile.fromBuffer(buffer, "a.png") });
const soon = new Date(Date.now() + 600_000).toISOString();
const token = await tokens.createFileToken({ bucketId, fileId, expire: soon });

const client = new web.Client().setEndpoint(endpoint).setProject(project);
const storage = new web.Storage(client);
const avatars = new web.Avatars(client);
const seen = async (url) => {
  const answer = await fetch(String(url));
  return { status: answer.status, type: answer.headers.get("content-type"), size: (await answer.arrayBuffer()).byteLength };
};
const file = { bucketId, fileId, token: token.secret };
const shape = { width: 40, height: 20, gravity: web.ImageGravity.Topleft ?? web.ImageGravity.TopLeft, quality: 70, borderWidth: 1, borderColor: "ff0000", borderRadius: 3, opacity: 0.9, rotation: 10, background: "00ff00", output: web.ImageFormat.Webp };
const outcome = {
  closed: await seen(storage.getFilePreview({ bucketId, fileId })),
  view: await seen(storage.getFileView(file)),
  download: await seen(storage.getFileDownload(file)),
  preview: await seen(storage.getFilePreview({ ...file, ...shape })),
  initials: await seen(avatars.getInitials({ name: "Ada Lovelace" })),
  flag: await seen(avatars.getFlag({ code: web.Flag.Afghanistan, width: 20 })),
  browser: await seen(avatars.getBrowser({ code: web.Browser.MozillaFirefox })),
  card: await seen(avatars.getCreditCard({ code: web.CreditCard.Visa })),
  qr: await seen(avatars.getQR({ text: "hello", size: 50 })),
};
outcome.listed = (await tokens.list({ bucketId, fileId })).tokens.map((each) => each.$id === token.$id);
outcome.kept = (await tokens.update({ tokenId: token.$id })).expire === token.expire;
outcome.endless = (await tokens.update({ tokenId: token.$id, expire: null })).expire;
await tokens.delete({ tokenId: token.$id });
outcome.revoked = await seen(storage.getFileView(file));
outcome.fetched = (await files.getFilePreview({ bucketId, fileId, width: 10 })).byteLength;
outcome.original = buffer.length;
console.log(JSON.stringify(outcome));
process.exit(0);
