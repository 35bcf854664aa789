// Sends every frame it gets to the other sockets of a topic, without looking at it.
// The topic is the path: /sub/TOPIC subscribes, /pub/TOPIC publishes there.
const role = (path, prefix) => (path.startsWith(prefix) ? path.slice(prefix.length) : undefined);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    const { pathname } = new URL(request.url);
    if (server.upgrade(request, { data: { topic: role(pathname, "/pub/"), pathname } })) return;
    return new Response("a WebSocket is needed here\n", { status: 426 });
  },
  websocket: {
    perMessageDeflate: false,
    idleTimeout: 0,
    sendPings: false,
    open(socket) {
      const topic = role(socket.data.pathname, "/sub/");
      if (topic !== undefined) socket.subscribe(topic);
    },
    message(socket, frame) {
      if (socket.data.topic !== undefined) socket.publish(socket.data.topic, frame);
    },
  },
});

console.log(`listening on 127.0.0.1:${server.port}`);
