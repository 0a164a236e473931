/** Subscribes many clients of an SDK, and says each new connection, each confirmed subscription and each event. */
export function run({ Client, Realtime }, { endpoint, project, channel, clients }, say) {
  console.log = console.error = () => {}; // the SDK reports every reconnect there
  for (const { name, session, queries } of clients) {
    const client = new Client().setEndpoint(endpoint).setProject(project);
    if (session) client.setSession(session);
    const realtime = new Realtime(client);
    let connection = 0;
    realtime.onOpen(() => {
      connection += 1;
      say({ client: name, connection });
      realtime.socket.addEventListener("message", ({ data }) => {
        const frame = JSON.parse(data);
        if (frame.type === "response" && frame.data.to === "subscribe") say({ client: name, ready: true });
      });
    });
    realtime.subscribe(channel, ({ payload }) => say({ client: name, connection, row: payload.$id }), queries);
  }
}
