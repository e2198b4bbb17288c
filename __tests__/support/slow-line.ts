import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** How often a second the line lets a share of its bytes through. */
const STEPS = 20;

export interface Line {
  readonly port: number;
  close(): void;
}

/** Listens on a free port, and passes on to another one; what comes back passes at so many bytes a second. */
export function slowLine(target: number, rate: number): Promise<Line> {
  return line(target, (far, near) => void trickle(far, near, rate / STEPS));
}

/** The same, where what comes back takes so many ms. */
export function longLine(target: number, delay: number): Promise<Line> {
  return line(target, (far, near) => {
    far.on('data', (chunk) => setTimeout(() => near.write(chunk), delay));
  });
}

async function line(target: number, bring: (far: Socket, near: Socket) => void): Promise<Line> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.once('close', () => other.destroy());
    }
    near.pipe(far);
    bring(far, near);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

async function trickle(from: Socket, to: Socket, share: number): Promise<void> {
  let left = share;
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length; ) {
        const part = chunk.subarray(at, at + left);
        to.write(part);
        at += part.length;
        left -= part.length;
        if (left > 0) continue;
        await sleep(1000 / STEPS);
        left = share;
      }
    }
  } catch {
    // The connection was cut.
  }
}
