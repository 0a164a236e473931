// What the web SDK expects of a browser and Node 20 lacks.
import { WebSocket } from "ws";
const localStorage = { getItem: () => null, setItem: () => {} };
Object.assign(globalThis, { window: globalThis, WebSocket, localStorage });
