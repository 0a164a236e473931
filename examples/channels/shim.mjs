// What the web SDK expects of a browser and programs outside of one lack.
import { WebSocket } from "ws";

const kept = new Map();
const localStorage = { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) };
for (const [name, value] of Object.entries({ window: globalThis, WebSocket, localStorage })) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
