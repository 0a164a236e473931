// Many clients of the unmodified SDK in one Node program, described on its input; prints what they receive.
import { readFileSync } from "node:fs";
import { WebSocket } from "ws";
import { run } from "./chaos_clients.mjs";

class TolerantWebSocket extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener("error", () => {}); // in Node, an error that nobody listens to ends the program
  }
}

globalThis.window = globalThis;
globalThis.WebSocket = TolerantWebSocket;
process.on("unhandledRejection", () => {}); // of a connection that failed: the SDK makes another
const sdk = await import("appwrite-28");
run(sdk, JSON.parse(readFileSync(0, "utf8")), (line) => process.stdout.write(`${JSON.stringify(line)}\n`));
