import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Below the ports that the kernel gives to connections: none of those takes a port while its server starts, or restarts. */
const RANGE = [10_000, 32_000] as const;

/** Ports of loopback that nobody listens on. All are held before one is let go: no two are the same. */
export async function freePorts(count: number): Promise<number[]> {
  const servers: Server[] = [];
  const ports: number[] = [];
  while (ports.length < count) {
    const port = randomInt(...RANGE);
    const server = createServer().listen(port, '127.0.0.1');
    try {
      await once(server, 'listening');
      servers.push(server);
      ports.push(port);
    } catch {
      // It is taken.
    }
  }
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
