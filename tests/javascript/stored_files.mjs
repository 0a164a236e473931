// Files in buckets that compress and encrypt, by the unmodified server SDK, chunks included. Prints what came.
import { createHash } from "node:crypto";
import { InputFile } from "node-appwrite/file";
import { Client, Compression, ID, Storage } from "node-appwrite";

const [endpoint, project, key] = process.argv.slice(2);
const storage = new Storage(new Client().setEndpoint(endpoint).setProject(project).setKey(key));
const content = Buffer.from("one line of a text that is long\n".repeat(400_000)); // three chunks
const md5 = (bytes) => createHash("md5").update(Buffer.from(bytes)).digest("hex");
const outcome = { size: content.length, signature: md5(content), stored: [] };
for (const compression of [Compression.None, Compression.Gzip, Compression.Zstd]) {
  for (const encryption of [false, true]) {
    const { $id: bucketId } = await storage.createBucket({ bucketId: ID.unique(), name: "b", compression, encryption });
    const file = await storage.createFile({ bucketId, fileId: ID.unique(), file: InputFile.fromBuffer(content, "a.txt") });
    const came = await storage.getFileDownload({ bucketId, fileId: file.$id });
    const again = await storage.getFile({ bucketId, fileId: file.$id });
    const { sizeOriginal, sizeActual, signature } = again;
    outcome.stored.push({ asked: [compression, encryption], told: [again.compression, again.encryption], sizeOriginal, sizeActual, signature, downloaded: md5(came), chunks: again.chunksTotal });
  }
}
console.log(JSON.stringify(outcome));
