import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import type { Client } from '../../lib/index.js';

const running = new Set<NetServer>();

/** Listens on a free port of loopback until the end of the test, and gives the URL's beginning. */
export async function serve(handler: RequestListener | NetServer): Promise<string> {
  const server = typeof handler === 'function' ? createServer(handler) : handler;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  running.add(server);
  const scheme = server instanceof TlsServer ? 'https' : 'http';
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Stops what `serve` started, open connections included. */
export async function stopServers(): Promise<void> {
  for (const server of running) {
    running.delete(server);
    const closed = new Promise((resolve) => server.close(resolve));
    if ('closeAllConnections' in server) (server as Server).closeAllConnections();
    await closed;
  }
}

/** Resolves once the hub has noticed that the client is gone. */
export async function gone({ signal }: Client): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

/**
 * The two ways a batch takes to a client over HTTP/1.1. The second is what a middleware brings about
 * that puts its own `write` on the response.
 */
export const transports: readonly [string, (handler: RequestListener) => RequestListener][] = [
  ['straight to the socket', (handler) => handler],
  [
    'through res.write',
    (handler) => (req, res) => {
      res.write = res.write.bind(res);
      handler(req, res);
    },
  ],
];
