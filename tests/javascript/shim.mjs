// What the SDKs expect of a browser and Node lacks. Also keeps the frames of every socket, so that a test
// can tell what was said and when its subscriptions are in place.
import { WebSocket } from "ws";

const waiting = [];

/** Every socket that an SDK has opened: its address, and the frames it sent and received. */
export const sockets = [];

class ObservedWebSocket extends WebSocket {
  constructor(address, ...given) {
    super(address, ...given);
    this.observed = { address: String(address), sent: [], received: [], closed: null };
    sockets.push(this);
    this.addEventListener("message", ({ data }) => this.note("received", JSON.parse(data)));
    this.addEventListener("error", () => {}); // in Node, an error that nobody listens to ends the program
    this.addEventListener("close", ({ code }) => {
      this.observed.closed = code;
      this.wake();
    });
  }

  send(data, ...more) {
    this.note("sent", JSON.parse(data));
    super.send(data, ...more);
  }

  note(direction, frame) {
    this.observed[direction].push(frame);
    this.wake();
  }

  wake() {
    for (const check of waiting.splice(0)) check();
  }
}

globalThis.window = globalThis;
globalThis.WebSocket = ObservedWebSocket;
const stored = new Map();
globalThis.localStorage = {
  getItem: (name) => stored.get(name) ?? null,
  setItem: (name, value) => stored.set(name, String(value)),
  removeItem: (name) => stored.delete(name),
};

/** Resolves when `condition` holds after something arrived, was sent or closed; or looks again after a moment. */
export async function until(condition, what) {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`timed out waiting for ${what}: ${JSON.stringify(sockets.map((each) => each.observed))}`);
    await Promise.race([new Promise((resolve) => waiting.push(resolve)), new Promise((resolve) => setTimeout(resolve, 50))]);
  }
}

/** Resolves when the server has acknowledged `count` subscriptions since the program began. */
export async function subscriptionsAnswered(count) {
  const answered = () =>
    sockets
      .flatMap((socket) => socket.observed.received)
      .filter((frame) => frame.type === "response" && frame.data.to === "subscribe")
      .reduce((sum, frame) => sum + frame.data.subscriptions.length, 0);
  await until(() => answered() >= count, `${count} subscriptions`);
}
