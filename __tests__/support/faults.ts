import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createClient } from 'redis';
import { natsLog } from '../../lib/log/nats.js';
import { redisLog } from '../../lib/log/redis.js';
import type { Engine } from './engine.js';
import { Fleet, gapsOf, type LogOpener, type Node } from './fleet.js';
import { type RedisServer, redisServer } from './redis-server.js';

/** What happens to a log's server while events flow. */
export interface Fault<Server extends Engine> {
  readonly name: string;
  /** Whose clients are to be told of a gap: nothing may be lost to the others. */
  readonly loses: 'nobody' | 'all' | 'a';
  /** How many events the log keeps. Default: more than are sent. */
  readonly kept?: number;
  /** Brings it about, and ends it. */
  strike(fleet: Fleet, server: Server): Promise<void>;
}

/** How long a client may have to wait for its gap, once the server can be reached again, in ms. */
const TOLD_WITHIN = 5000;

export const openRedis: LogOpener = async (port, prefix, events) => {
  // Only copied: it need not be connected.
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  return { log: redisLog(client, { prefix, history: { events } }), close: async () => {} };
};

export const openNats: LogOpener = async (port, prefix, events) => {
  const connection = await connect({
    servers: `127.0.0.1:${port}`,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 200,
    waitOnFirstConnect: true,
  });
  const log = natsLog(jetstream(connection), { prefix, history: { events } });
  return { log, close: () => connection.close() };
};

/** Resolves when a node's log is away, or there again. */
export async function untilLogIs(state: 'away' | 'back', { hub }: Node): Promise<void> {
  while (hub.stats().log.connected !== (state === 'back')) await sleep(10);
}

/** Keeps a node away from the log. */
async function cutOff(node: Node, whileAway: () => Promise<void>): Promise<void> {
  node.proxy.refuse(true);
  node.proxy.cut();
  await whileAway();
  node.proxy.refuse(false);
}

const restartedWithData = {
  name: 'the server killed, and started again with its data',
  loses: 'nobody',
  async strike(_fleet: Fleet, server: Engine) {
    await server.kill();
    await server.start();
  },
} as const;

const restartedWithoutData = {
  name: 'the server killed, and started again without its data',
  loses: 'all',
  async strike(_fleet: Fleet, server: Engine) {
    await server.kill();
    await server.wipe();
    await server.start();
  },
} as const;

const connectionCut = {
  name: 'a connection cut',
  loses: 'nobody',
  async strike({ a }: Fleet) {
    a.proxy.cut();
  },
} as const;

const connectionHalfOpen = {
  name: 'a connection half open',
  loses: 'nobody',
  async strike({ a }: Fleet) {
    a.proxy.freeze({ newOnes: true });
    await untilLogIs('away', a);
    a.proxy.thaw();
  },
} as const;

const trimmedPastNode = {
  name: 'the log trimmed past a node that was away',
  loses: 'a',
  kept: 50,
  async strike({ a, b }: Fleet) {
    await cutOff(a, () => b.acknowledges(100));
  },
} as const;

export const redisFaults: readonly Fault<RedisServer>[] = [
  restartedWithData,
  restartedWithoutData,
  {
    name: 'FLUSHALL',
    loses: 'all',
    async strike(_fleet, server) {
      await server.command('FLUSHALL');
    },
  },
  {
    name: 'CLIENT PAUSE for 5 s',
    loses: 'nobody',
    async strike(_fleet, server) {
      await server.command('CLIENT', 'PAUSE', '5000', 'ALL');
    },
  },
  {
    name: 'CLIENT KILL',
    loses: 'nobody',
    async strike(_fleet, server) {
      await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
    },
  },
  connectionCut,
  connectionHalfOpen,
  trimmedPastNode,
  {
    name: 'a replica promoted that has everything',
    loses: 'nobody',
    async strike(fleet, master) {
      const replica = await replicaOf(master);
      await fleet.pause();
      await untilReplicated(master, replica);
      await promote(replica, master, fleet);
      fleet.resume();
    },
  },
  {
    name: 'a replica promoted that lacks the newest events',
    loses: 'all',
    async strike(fleet, master) {
      const replica = await replicaOf(master);
      await replica.command('REPLICAOF', 'NO', 'ONE');
      await fleet.acknowledges(10);
      await fleet.pause();
      await promote(replica, master, fleet);
      fleet.resume();
    },
  },
];

async function replicaOf(master: RedisServer): Promise<RedisServer> {
  const replica = redisServer(master.path, { replicaOf: master });
  await replica.start();
  return replica;
}

async function promote(replica: RedisServer, master: RedisServer, { nodes }: Fleet): Promise<void> {
  await replica.command('REPLICAOF', 'NO', 'ONE');
  await master.kill();
  for (const { proxy } of nodes) {
    proxy.target = replica.port;
    proxy.cut();
  }
}

async function untilReplicated(master: RedisServer, replica: RedisServer): Promise<void> {
  const offset = async (server: RedisServer, name: string) =>
    new RegExp(`^${name}:(\\d+)`, 'm').exec(
      String(await server.command('INFO', 'replication')),
    )?.[1];
  const goal = await offset(master, 'master_repl_offset');
  while ((await offset(replica, 'slave_repl_offset')) !== goal) await sleep(10);
}

/** Does something with the stream as whoever looks after the server would. */
async function administer(
  server: Engine,
  work: (streams: Awaited<ReturnType<typeof jetstreamManager>>['streams']) => Promise<unknown>,
): Promise<void> {
  const connection = await connect({ servers: server.url });
  await work((await jetstreamManager(connection)).streams);
  await connection.close();
}

export const natsFaults: readonly Fault<Engine>[] = [
  restartedWithData,
  restartedWithoutData,
  {
    name: 'the stream deleted',
    loses: 'all',
    async strike({ prefix }, server) {
      await administer(server, (streams) => streams.delete(`sse_${prefix}`));
    },
  },
  {
    name: 'the stream purged while a node was away',
    loses: 'a',
    async strike({ a, b, prefix }, server) {
      await cutOff(a, async () => {
        await b.acknowledges(10);
        await administer(server, (streams) => streams.purge(`sse_${prefix}`));
      });
    },
  },
  connectionCut,
  connectionHalfOpen,
  trimmedPastNode,
];

/** Lets a fault happen to two nodes that send all the time. Gives what is wrong afterwards. */
export async function endure<Server extends Engine>(
  fault: Fault<Server>,
  server: Server,
  openLog: LogOpener,
): Promise<string[]> {
  await server.start();
  const fleet = await Fleet.open(server.port, openLog, fault.kept);
  try {
    fleet.resume();
    await fleet.acknowledges(20);
    await fault.strike(fleet, server);
    const struckAt = performance.now();
    const told = fleet.nodes
      .filter(({ name }) => fault.loses === 'all' || fault.loses === name)
      .flatMap(({ readers }) => readers);
    await Promise.all(told.map((reader) => reader.until(() => gapsOf(reader).length > 0)));
    const late = performance.now() - struckAt;
    await fleet.acknowledges(20);
    await fleet.pause();
    await fleet.settled();
    const faults = fleet.faults();
    if (told.length > 0 && late > TOLD_WITHIN) faults.push(`the gap came after ${late} ms`);
    for (const reader of fleet.readers) {
      const gaps = gapsOf(reader);
      if (gaps.length !== (told.includes(reader) ? 1 : 0)) faults.push(`gaps: ${gaps.join()}`);
    }
    for (const { hub } of fleet.nodes) {
      const { log, connected } = hub.stats();
      if (!log.connected || connected !== 3) faults.push(`${JSON.stringify(hub.stats())}`);
    }
    return faults;
  } finally {
    await fleet.close();
  }
}
