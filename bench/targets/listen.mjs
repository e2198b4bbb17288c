import { once } from 'node:events';

/** Listens on a free port of loopback; resolves with the server and the port. */
export async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: server.address().port };
}
