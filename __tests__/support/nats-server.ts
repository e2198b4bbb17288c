import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { ChildEngine, type Engine } from './engine.js';
import type { Program } from './needs.js';

export const NATS: Program = {
  name: 'NATS',
  variable: 'NATS_SERVER',
  commands: ['nats-server', '/usr/sbin/nats-server'],
};

/** A server with JetStream, its streams in files. */
export function natsServer(path: string): Engine {
  return new ChildNats(path);
}

/** So many servers, started, whose streams may have copies on all of them. */
export async function startNatsCluster(
  path: string,
  count: number,
): Promise<readonly NatsServer[]> {
  const seed = new ChildNats(path, { peers: [] });
  await seed.start();
  const others = Array.from({ length: count - 1 }, () => new ChildNats(path, { peers: [seed] }));
  for (const other of others) await other.start();
  return [seed, ...others];
}

export interface NatsServer extends Engine {
  /** What the others call it. */
  readonly name: string;
}

interface Cluster {
  /** Started already: who is told of one of them is told of all. */
  readonly peers: readonly ChildNats[];
}

class ChildNats extends ChildEngine implements NatsServer {
  readonly name = randomUUID();
  readonly #cluster: Cluster | undefined;
  #routePort = 0;

  constructor(path: string, cluster?: Cluster) {
    super(path, cluster === undefined ? 1 : 2);
    this.#cluster = cluster;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  protected args(data: string, [port, routePort = 0]: readonly number[]): string[] {
    this.#routePort = routePort;
    const args = ['-a', '127.0.0.1', '-p', String(port), '-n', this.name, '-js', '-sd', data];
    if (this.#cluster === undefined) return args;
    // It wants at least one route, and doesn't mind one to itself.
    const routes = [this, ...this.#cluster.peers].map((peer) => peer.#route);
    return [...args, '-cluster_name', 'test', '-cluster', this.#route, '-routes', routes.join()];
  }

  get #route(): string {
    return `nats://127.0.0.1:${this.#routePort}`;
  }

  /** It opens its port when its streams are back, and then greets with a line that has its name. */
  protected async isReady(): Promise<boolean> {
    const socket = connect({ host: '127.0.0.1', port: this.port });
    try {
      const [greeting] = await once(socket, 'data');
      return String(greeting).includes(this.name);
    } finally {
      socket.destroy();
    }
  }
}
