"use strict";
// Logs of a request go to the engine as they are written, one JSON object in a line, through a pipe.

const { AsyncLocalStorage } = require("node:async_hooks");
const fs = require("node:fs");
const { format, inspect } = require("node:util");

const MAX_CHARACTERS = 8000;
const MAX_BYTES = 5 * 1024 * 1024; // of the logs, and of the errors, of one request
const NATIVE = "Native logs detected. Use context.log() or context.error() for better experience.";

const current = new AsyncLocalStorage();
let descriptor = -1;

function shown(message) {
  if (message instanceof Error) return message.stack ?? String(message);
  if (typeof message !== "object" || message === null) return String(message);
  try {
    return JSON.stringify(message);
  } catch {
    return inspect(message);
  }
}

function shortened(text) {
  if (text.length <= MAX_CHARACTERS) return text;
  return `${text.slice(0, MAX_CHARACTERS)}... Log truncated due to size limit (${MAX_CHARACTERS} characters)`;
}

function send(record) {
  const line = Buffer.from(JSON.stringify(record) + "\n");
  for (let start = 0; start < line.length; ) start += fs.writeSync(descriptor, line, start);
  return line.length;
}

class Log {
  #sent = { log: 0, error: 0 };
  #line = "";
  #native = false;

  constructor(id, enabled) {
    this.id = id;
    this.enabled = enabled;
  }

  write(kind, messages) {
    if (!this.enabled || this.#sent[kind] > MAX_BYTES) return;
    this.#sent[kind] += send({ id: this.id, kind, text: shortened(messages.map(shown).join(" ")) });
  }

  native(text) {
    if (!this.enabled) return;
    if (!this.#native) this.write("log", [NATIVE]);
    this.#native = true;
    const lines = (this.#line + text).split("\n");
    this.#line = lines.pop();
    for (const line of lines) this.write("log", [line]);
    if (this.#line.length > MAX_CHARACTERS) this.flush();
  }

  end() {
    this.flush();
    this.enabled = false;
  }

  flush() {
    if (this.#line) this.write("log", [this.#line]);
    this.#line = "";
  }
}

function captureNativeLogs(logDescriptor) {
  descriptor = logDescriptor;
  for (const name of ["log", "info", "debug", "warn", "error"]) {
    const usual = console[name].bind(console);
    console[name] = (...values) => {
      const log = current.getStore();
      if (log === undefined) return usual(...values);
      const texts = values.map((each) => (typeof each === "object" ? shown(each) : each));
      log.native(format(...texts) + "\n");
    };
  }
  for (const stream of [process.stdout, process.stderr]) {
    const usual = stream.write.bind(stream);
    stream.write = (data, encoding, done) => {
      const log = current.getStore();
      if (log === undefined) return usual(data, encoding, done);
      log.native(typeof data === "string" ? data : Buffer.from(data).toString());
      const called = typeof encoding === "function" ? encoding : done;
      if (called) process.nextTick(called);
      return true;
    };
  }
}

module.exports = { Log, captureNativeLogs, withLog: (log, action) => current.run(log, action) };
