"use strict";
// What a function is given: the request, and the ways to answer it.

const BINARY = ["application/", "audio/", "font/", "image/", "video/"];

class Request {
  #body;
  #type;

  constructor(fields, body, type) {
    Object.assign(this, fields);
    this.#body = body;
    this.#type = type;
  }

  get bodyBinary() {
    return this.#body;
  }

  get bodyText() {
    return this.#body.toString();
  }

  get bodyRaw() {
    return this.bodyText;
  }

  get bodyJson() {
    return JSON.parse(this.bodyText);
  }

  get body() {
    if (this.#type.startsWith("application/json")) return this.#body.length ? this.bodyJson : {};
    return BINARY.some((prefix) => this.#type.startsWith(prefix)) ? this.#body : this.bodyText;
  }
}

function requestOf(incoming, headers, body) {
  const scheme = incoming.headers["x-forwarded-proto"] ?? "http";
  const usual = scheme === "https" ? 443 : 80;
  const named = incoming.headers.host ?? "";
  const [, host, explicit] = /^(\[.*\]|[^:]*)(?::(\d+))?/.exec(named);
  const port = explicit ? Number(explicit) : usual;
  const mark = incoming.url.indexOf("?");
  const path = mark < 0 ? incoming.url : incoming.url.slice(0, mark);
  const queryString = mark < 0 ? "" : incoming.url.slice(mark + 1);
  const query = {};
  for (const parameter of queryString.split("&")) {
    const equals = parameter.indexOf("=");
    const key = equals < 0 ? parameter : parameter.slice(0, equals);
    if (key) query[key] = equals < 0 ? "" : parameter.slice(equals + 1);
  }
  const place = `${host}${port === usual ? "" : `:${port}`}`;
  const url = `${scheme}://${place}${path}${queryString && `?${queryString}`}`;
  const fields = { headers, method: incoming.method, scheme, host, port, path, query, queryString, url };
  return new Request(fields, body, (incoming.headers["content-type"] ?? "text/plain").toLowerCase());
}

const responses = {
  binary: (bytes, statusCode = 200, headers = {}) => ({ body: bytes, statusCode, headers }),
  text: (body, statusCode = 200, headers = {}) => responses.binary(Buffer.from(`${body}`), statusCode, headers),
  send: (body, statusCode = 200, headers = {}) => responses.text(body, statusCode, headers),
  json: (value, statusCode = 200, headers = {}) =>
    responses.text(JSON.stringify(value), statusCode, { ...headers, "content-type": "application/json" }),
  empty: () => responses.text("", 204),
  redirect: (url, statusCode = 301, headers = {}) => responses.text("", statusCode, { ...headers, location: url }),
};

module.exports = { requestOf, responses };
