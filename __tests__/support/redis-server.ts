import { Redis } from 'ioredis';
import { ChildEngine, type Engine } from './engine.js';
import type { Program } from './needs.js';

export const REDIS: Program = {
  name: 'Redis',
  variable: 'REDIS_SERVER',
  commands: ['redis-server'],
};

interface RedisOptions {
  /** The server, already started, whose data it copies: at every start, promoted or not. */
  readonly replicaOf?: Engine;
  /** A cluster of one node, which owns all the slots. Its start takes two seconds, as Redis has it. */
  readonly cluster?: boolean;
  /** More of the command line: `['--maxmemory', '2mb']`. */
  readonly args?: readonly string[];
}

export interface RedisServer extends Engine {
  /** Sends one command, `command('CLIENT', 'PAUSE', '100')`, over a connection of its own. */
  command(name: string, ...args: string[]): Promise<unknown>;
}

/** A server that has every write on disk before it answers: what it confirmed outlives `kill`. */
export function redisServer(path: string, options: RedisOptions = {}): RedisServer {
  return new ChildRedis(path, options);
}

/** Sends one command over a connection of its own. */
export async function command(port: number, name: string, ...args: string[]): Promise<unknown> {
  const redis = new Redis(port, '127.0.0.1', {
    lazyConnect: true,
    // Servers that are busy, or replicas without a master, are asked as well.
    enableReadyCheck: false,
    retryStrategy: () => null,
  });
  let cause: Error | undefined;
  redis.on('error', (error: Error) => {
    cause = error;
  });
  try {
    await redis.connect();
    return await redis.call(name, ...args);
  } catch (error) {
    // ioredis itself says no more than that the connection is closed.
    throw cause ?? error;
  } finally {
    redis.disconnect();
  }
}

/** The ids of the connections that a Redis has for this user, but for the one that asks. */
export async function connections(server: RedisServer, user = 'default'): Promise<string[]> {
  const list = String(await server.command('CLIENT', 'LIST')).split('\n');
  const others = list.filter(
    (line) => line.includes(` user=${user} `) && !line.includes(' cmd=client|list '),
  );
  return others.flatMap((line) => /^id=(\d+)/.exec(line)?.[1] ?? []);
}

class ChildRedis extends ChildEngine implements RedisServer {
  readonly #options: RedisOptions;

  constructor(path: string, options: RedisOptions) {
    super(path, options.cluster ? 2 : 1);
    this.#options = options;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  command(name: string, ...args: string[]): Promise<unknown> {
    return command(this.port, name, ...args);
  }

  protected args(data: string, [port, busPort]: readonly number[]): string[] {
    const { replicaOf, cluster, args = [] } = this.#options;
    return [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', data, '--daemonize', 'no'],
      ...['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''],
      ...['--repl-diskless-sync-delay', '0', '--enable-debug-command', 'yes'],
      ...(replicaOf ? ['--replicaof', '127.0.0.1', String(replicaOf.port)] : []),
      ...(cluster ? ['--cluster-enabled', 'yes', '--cluster-port', String(busPort)] : []),
      // A node that never met another one doesn't know its address, which clients ask it for.
      ...(cluster ? ['--cluster-announce-ip', '127.0.0.1'] : []),
      ...args,
    ];
  }

  protected async isReady(pid: number): Promise<boolean> {
    const info = String(await this.command('INFO')).split('\r\n');
    if (!info.includes(`process_id:${pid}`) || !info.includes('loading:0')) return false;
    if (this.#options.replicaOf) return info.includes('master_link_status:up');
    return !this.#options.cluster || (await this.#isClusterUp());
  }

  async #isClusterUp(): Promise<boolean> {
    const info = String(await this.command('CLUSTER', 'INFO')).split('\r\n');
    if (info.includes('cluster_slots_assigned:0')) {
      await this.command('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    }
    return info.includes('cluster_state:ok');
  }
}
