// Stands in for Apple's push service, by HTTP/2: tells its port, then each request in a line of JSON.
import http2 from "node:http2";

const server = http2.createServer();
server.on("stream", (stream, headers) => {
  let body = "";
  stream.on("data", (piece) => (body += piece));
  stream.on("end", () => {
    const token = headers[":path"].split("/").pop();
    const [status, reason] = token.startsWith("gone") ? [410, "Unregistered"] : [200, ""];
    console.log(JSON.stringify({ headers, body: JSON.parse(body) }));
    stream.respond({ ":status": status });
    stream.end(reason ? JSON.stringify({ reason }) : "");
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
