// The demo speaks the wire protocol itself, so that the page needs nothing from the network but Tidewire.

const { project, bucket } = document.body.dataset;
const endpoint = new URL("v1", document.baseURI).href;
const filesUrl = `${endpoint}/storage/buckets/${bucket}/files`;
const headers = { "X-Appwrite-Project": project };
const CHUNK = 5 * 1024 * 1024;
const HEARTBEAT = 20_000;
const FRAMES_SHOWN = 30;

const element = (id) => document.getElementById(id);
const latencies = [];
let events = 0;
let reconnectDelay = 500;

element("endpoint").textContent = endpoint;

// --- realtime -------------------------------------------------------------------------------------

function connect() {
  const socket = new WebSocket(`${endpoint.replace(/^http/, "ws")}/realtime?project=${encodeURIComponent(project)}`);
  let heartbeat;
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    if (frame.type === "connected") {
      socket.send(JSON.stringify({ type: "subscribe", data: [{ subscriptionId: "demo", channels: ["files"], queries: [] }] }));
      heartbeat = setInterval(() => socket.send('{"type":"ping"}'), HEARTBEAT);
    } else if (frame.type === "response" && frame.data.to === "subscribe") {
      reconnectDelay = 500;
      setStatus("live", "live");
      loadFiles(); // after the subscription, so that nothing falls between the list and the events
    } else if (frame.type === "event") {
      receive(frame);
    }
  };
  socket.onclose = () => {
    clearInterval(heartbeat);
    setStatus("connecting", "reconnecting…");
    setTimeout(connect, reconnectDelay * (0.5 + Math.random()));
    reconnectDelay = Math.min(reconnectDelay * 2, 8000);
  };
}

function setStatus(state, text) {
  element("status").dataset.state = state;
  element("status").textContent = text;
}

function receive(frame) {
  const { events: names, payload, timestamp } = frame.data;
  if (payload.bucketId !== bucket) return;
  const action = names[0].split(".").pop();
  // The upload's start is shared between tabs of this browser; elsewhere the commit time is the best known start.
  const started = Number(localStorage.getItem(`started:${payload.$id}`)) || Date.parse(timestamp);
  const latency = action === "create" ? Math.max(0, clock() - started) : null;
  events += 1;
  element("count").textContent = events;
  if (latency !== null) showLatency(latency);
  showFrame(frame, action, latency);
  if (action === "delete") removeCard(payload.$id);
  else showCard(payload, { fresh: action === "create", latency });
}

/** Milliseconds since the epoch, finer than Date.now() and comparable between tabs. */
function clock() {
  return performance.timeOrigin + performance.now();
}

// --- files ----------------------------------------------------------------------------------------

async function request(url, options = {}) {
  const response = await fetch(url, { ...options, headers: { ...headers, ...options.headers } });
  const body = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error(body?.message ?? response.statusText);
  return body;
}

async function loadFiles() {
  const query = (method, values) => `queries[]=${encodeURIComponent(JSON.stringify({ method, ...values }))}`;
  const { files } = await request(`${filesUrl}?${query("orderDesc", { attribute: "$createdAt" })}&${query("limit", { values: [50] })}`);
  for (const file of files.reverse()) showCard(file, { fresh: false });
}

async function upload(file) {
  const id = [...crypto.getRandomValues(new Uint8Array(10))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  localStorage.setItem(`started:${id}`, clock());
  const progress = element("progress");
  progress.hidden = false;
  progress.value = 0;
  try {
    for (let start = 0; start === 0 || start < file.size; start += CHUNK) {
      const end = Math.min(start + CHUNK, file.size);
      const form = new FormData();
      form.append("fileId", id);
      form.append("file", new File([file.slice(start, end)], file.name, { type: file.type }));
      const range = file.size > CHUNK ? { "Content-Range": `bytes ${start}-${end - 1}/${file.size}` } : {};
      const chunkOf = start > 0 ? { "X-Appwrite-ID": id } : {};
      await request(filesUrl, { method: "POST", body: form, headers: { ...range, ...chunkOf } });
      progress.value = file.size ? end / file.size : 1;
    }
    showProblem("");
  } catch (error) {
    showProblem(`${file.name}: ${error.message}`);
  } finally {
    progress.hidden = true;
    setTimeout(() => localStorage.removeItem(`started:${id}`), 10_000);
  }
}

function showProblem(text) {
  element("problem").textContent = text;
  element("problem").hidden = !text;
}

// --- what a person sees ---------------------------------------------------------------------------

function showCard(file, { fresh, latency = null }) {
  const existing = document.querySelector(`[data-file="${CSS.escape(file.$id)}"]`);
  const card = existing ?? document.createElement("li");
  card.dataset.file = file.$id;
  const view = `${filesUrl}/${encodeURIComponent(file.$id)}/view?project=${encodeURIComponent(project)}`;
  const picture = make("a", { className: "picture", href: view, target: "_blank", rel: "noopener" });
  if (file.mimeType.startsWith("image/")) picture.append(make("img", { src: view, alt: file.name, loading: "lazy" }));
  else picture.textContent = (file.name.split(".").pop() || "file").slice(0, 6);
  const text = make("div", { className: "text" });
  text.append(make("span", { className: "name", textContent: file.name, title: file.name }));
  const arrival = latency === null ? "" : ` · ${latency.toFixed(1)} ms`;
  text.append(make("small", { textContent: `${size(file.sizeOriginal)}${arrival}` }));
  const remove = make("button", { textContent: "×", title: `Delete ${file.name}` });
  remove.onclick = () => request(`${filesUrl}/${encodeURIComponent(file.$id)}`, { method: "DELETE" }).catch((error) => showProblem(error.message));
  card.replaceChildren(picture, text, remove);
  card.classList.toggle("new", fresh);
  if (!existing) element("cards").prepend(card);
  element("empty").hidden = true;
}

function removeCard(id) {
  document.querySelector(`[data-file="${CSS.escape(id)}"]`)?.remove();
  element("empty").hidden = element("cards").children.length > 0;
}

function showLatency(latency) {
  latencies.push(latency);
  if (latencies.length > 60) latencies.shift();
  const sorted = [...latencies].sort((a, b) => a - b);
  element("latency").textContent = `${latency.toFixed(1)} ms`;
  element("median").textContent = `${sorted[sorted.length >> 1].toFixed(1)} ms`;
  const top = Math.max(...latencies, 10);
  element("chart").replaceChildren(
    ...latencies.map((value, index) => {
      const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      const height = Math.max(1, (value / top) * 58);
      for (const [name, number] of Object.entries({ x: index * 5, y: 60 - height, width: 4, height, rx: 1 })) bar.setAttribute(name, number);
      return bar;
    }),
  );
}

function showFrame(frame, action, latency) {
  const details = make("details");
  const summary = make("summary", { textContent: frame.data.events[0] });
  summary.prepend(make("b", { textContent: latency === null ? action : `${latency.toFixed(1)} ms` }));
  details.append(summary, make("pre", { textContent: JSON.stringify(frame, null, 2) }));
  const row = make("li");
  row.append(details);
  element("frames").prepend(row);
  while (element("frames").children.length > FRAMES_SHOWN) element("frames").lastChild.remove();
}

function make(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

function size(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  const power = bytes < 1 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** power).toFixed(power ? 1 : 0)} ${units[power]}`;
}

// --- choosing files -------------------------------------------------------------------------------

element("pick").onchange = async ({ target }) => {
  for (const file of target.files) await upload(file);
  target.value = "";
};
for (const type of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(type, async (event) => {
    event.preventDefault();
    element("drop").classList.toggle("over", type === "dragover");
    if (type === "drop") for (const file of event.dataTransfer.files) await upload(file);
  });
}

connect();
