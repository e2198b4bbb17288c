import { setTimeout as sleep } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createClient } from 'redis';
import { natsLog } from '../../lib/nats/nats-log.js';
import { redisLog } from '../../lib/redis/redis-log.js';
import { withTimeLimit } from '../../lib/util/time-limit.js';
import type { Engine } from './engine.js';
import { Fleet, gapsOf, type LogOpener, type Node } from './fleet.js';
import { type RedisServer, redisServer } from './redis-server.js';
import { type Received, StreamReader } from './stream-client.js';

/** What happens to a log's server while events flow. */
export interface Fault<Server extends Engine> {
  readonly name: string;
  /** Whose clients are to be told of a gap: nothing may be lost to the others. */
  readonly loses: 'nobody' | 'all' | 'a';
  /** How many events the log keeps. Default: more than are sent. */
  readonly kept?: number;
  /** Whether sends wait for as long as it takes. Default: some give up before the log is back. */
  readonly isPatient?: boolean;
  /**
   * Brings it about, and ends it. Calls `away` while the log is away from these nodes. May leave the
   * fleet paused: whoever loses something is told before anything more is sent.
   */
  strike(fleet: Fleet, server: Server, away: WhileAway): Promise<void>;
}

/** Looks whether all is as it should be on nodes that can't reach their log. */
type WhileAway = (...nodes: readonly Node[]) => Promise<void>;

/** A client that came during a fault or after it, and where in the log it meant to begin. */
interface Visitor {
  readonly name: string;
  readonly reader: StreamReader;
  readonly since: string;
}

/** How the hubs are set up: sends give up, and heartbeats come, in the course of an outage. */
const HUB = { sendTimeout: 1000, keepAlive: 100, retry: 50 };

/** A `sendTimeout` that no outage outlasts: what is not acknowledged is sent again. */
const PATIENCE = 40_000;

/** More attempts to connect than that within a second are a storm. */
const STORM = 10;

/** How long a fault and all that is looked at may take, in ms: after that it is said what is missing. */
const TIME_LIMIT = 100_000;

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
    pingInterval: 1000,
    waitOnFirstConnect: true,
  });
  const log = natsLog(jetstream(connection), { prefix, history: { events } });
  return { log, close: () => connection.close() };
};

/** Resolves when a node's log is away, or there again. */
export async function untilLogIs(state: 'away' | 'back', { hub }: Node): Promise<void> {
  while (hub.stats().log.connected !== (state === 'back')) await sleep(10);
}

/** The most connections that came within one second to a proxy, after a moment. */
export function mostInOneSecond({ acceptTimes }: Node['proxy'], since = 0): number {
  const times = acceptTimes.filter((at) => at > since);
  return Math.max(
    0,
    ...times.map((start) => times.filter((at) => at >= start && at < start + 1000).length),
  );
}

/** Keeps a node away from the log. */
async function cutOff(node: Node, work: () => Promise<void>): Promise<void> {
  node.proxy.refuse(true);
  node.proxy.cut();
  await work();
  node.proxy.refuse(false);
}

const restartedAtOnce = {
  name: 'the server killed, and started again at once with its data',
  loses: 'nobody',
  isPatient: true,
  async strike(_fleet: Fleet, server: Engine) {
    await server.kill();
    await server.start();
  },
} as const;

const restartedWithData = {
  name: 'the server killed, and started again with its data',
  loses: 'nobody',
  async strike({ nodes }: Fleet, server: Engine, away: WhileAway) {
    await server.kill();
    await away(...nodes);
    await server.start();
  },
} as const;

const restartedWithoutData = {
  name: 'the server killed, and started again without its data',
  loses: 'all',
  async strike({ nodes }: Fleet, server: Engine, away: WhileAway) {
    await server.kill();
    await away(...nodes);
    await server.wipe();
    await server.start();
  },
} as const;

const restartedWithOlderData = {
  name: 'the server killed, and started again without its newest data',
  loses: 'all',
  async strike(fleet: Fleet, server: Engine) {
    await server.kill();
    await server.save();
    await server.start();
    await fleet.acknowledges(10);
    await server.kill();
    await server.restore();
    await server.start();
  },
} as const;

const serverStuck = {
  name: 'the server stuck for so long that it counts as away',
  loses: 'nobody',
  isPatient: true,
  async strike({ nodes }: Fleet, server: Engine) {
    server.freeze();
    await Promise.all(nodes.map((node) => untilLogIs('away', node)));
    await Promise.all(nodes.map(untilAllHaveHeartbeats));
    // What was sent to it is carried out now, long after it was sent again.
    server.thaw();
  },
} as const;

const connectionCut = {
  name: 'a connection cut',
  loses: 'nobody',
  isPatient: true,
  async strike({ a }: Fleet) {
    const { accepted } = a.proxy;
    a.proxy.cut();
    await untilAccepted(a, accepted);
  },
} as const;

const connectionHalfOpen = {
  name: 'a connection half open',
  loses: 'nobody',
  async strike({ a }: Fleet, _server: Engine, away: WhileAway) {
    a.proxy.freeze({ newOnes: true });
    await away(a);
    a.proxy.thaw();
  },
} as const;

const connectionHalfOpenForGood = {
  name: 'a connection half open for good',
  loses: 'nobody',
  isPatient: true,
  async strike({ a }: Fleet) {
    const { accepted } = a.proxy;
    a.proxy.freeze();
    // It may be replaced before anybody has called the log unreachable.
    await untilAccepted(a, accepted);
    await untilLogIs('back', a);
  },
} as const;

const trimmedPastNode = {
  name: 'the log trimmed past a node that was away',
  loses: 'a',
  kept: 50,
  async strike({ a, b }: Fleet, _server: Engine, away: WhileAway) {
    await cutOff(a, async () => {
      await away(a);
      await b.acknowledges(100);
    });
  },
} as const;

export const redisFaults: readonly Fault<RedisServer>[] = [
  restartedAtOnce,
  restartedWithData,
  restartedWithoutData,
  restartedWithOlderData,
  {
    name: 'FLUSHALL',
    loses: 'all',
    async strike(_fleet, server) {
      await server.command('FLUSHALL');
    },
  },
  {
    name: 'FLUSHALL while nobody sends anything',
    loses: 'all',
    async strike(fleet, server) {
      await fleet.pause();
      await untilAllHaveAll(fleet);
      await server.command('FLUSHALL');
    },
  },
  {
    name: 'CLIENT PAUSE for 5 s',
    loses: 'nobody',
    async strike({ nodes }, server) {
      const before = nodes.map(({ rejected }) => rejected.length);
      await server.command('CLIENT', 'PAUSE', '5000', 'ALL');
      await Promise.all(nodes.map((node, index) => untilRejected(node, before[index] as number)));
      await Promise.all(nodes.map(untilAllHaveHeartbeats));
    },
  },
  serverStuck,
  {
    name: 'CLIENT KILL',
    loses: 'nobody',
    async strike({ nodes }, server) {
      const accepted = nodes.map(({ proxy }) => proxy.accepted);
      await server.command('CLIENT', 'KILL', 'TYPE', 'normal');
      await Promise.all(nodes.map((node, index) => untilAccepted(node, accepted[index] as number)));
    },
  },
  connectionCut,
  connectionHalfOpen,
  connectionHalfOpenForGood,
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
  restartedAtOnce,
  restartedWithData,
  restartedWithoutData,
  restartedWithOlderData,
  serverStuck,
  {
    name: 'the stream deleted',
    loses: 'all',
    async strike({ prefix }, server) {
      await administer(server, (streams) => streams.delete(`sse_${prefix}`));
    },
  },
  {
    name: 'the stream deleted while nobody sends anything',
    loses: 'all',
    async strike(fleet, server) {
      await fleet.pause();
      await untilAllHaveAll(fleet);
      await administer(server, (streams) => streams.delete(`sse_${fleet.prefix}`));
    },
  },
  {
    name: 'the stream purged of what everybody has',
    loses: 'nobody',
    async strike(fleet, server) {
      await fleet.pause();
      await untilAllHaveAll(fleet);
      await administer(server, (streams) => streams.purge(`sse_${fleet.prefix}`));
      fleet.resume();
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
  connectionHalfOpenForGood,
  trimmedPastNode,
];

/** Resolves when each client has all that was acknowledged. */
async function untilAllHaveAll({ nodes, readers }: Fleet): Promise<void> {
  for (const { acknowledged } of nodes) {
    const last = acknowledged.at(-1)?.id;
    const isThere = ({ events }: StreamReader) => events.some(({ id }) => id === last);
    await Promise.all(readers.map((reader) => reader.until(isThere)));
  }
}

/** Resolves when something has come to each client of the node. */
async function untilAllHaveHeartbeats({ readers }: Node): Promise<void> {
  await Promise.all(
    readers.map((reader) => {
      const { length } = reader.text;
      return reader.until(({ text }) => text.length > length);
    }),
  );
}

/** Resolves when the node has made more connections than so many. */
async function untilAccepted({ proxy }: Node, count: number): Promise<void> {
  while (proxy.accepted <= count) await sleep(10);
}

/** Resolves when more sends of the node were rejected than so many. */
async function untilRejected({ rejected }: Node, count: number): Promise<void> {
  while (rejected.length <= count) await sleep(10);
}

function lastIdOf({ readers: [reader] }: Node): string {
  return reader?.events.at(-1)?.id as string;
}

/** A client that goes on at a node where it was. */
async function comeBack(name: string, { url }: Node, since: string): Promise<Visitor> {
  const reader = await StreamReader.open(url, { headers: { 'last-event-id': since } });
  return { name, reader, since };
}

/** A client that comes for the first time. */
async function comeAnew({ name, url }: Node): Promise<Visitor> {
  const reader = await StreamReader.open(url);
  const begin = /^id: (\S+)\n\n/m;
  await reader.until(({ text }) => begin.test(text));
  return { name: `new at ${name}`, reader, since: begin.exec(reader.text)?.[1] as string };
}

/** Looks at a node that can't reach its log. Gives a client that came meanwhile. */
async function endureOutage(node: Node, faults: string[]): Promise<Visitor> {
  const { name, hub, url, rejected } = node;
  const before = rejected.length;
  await untilLogIs('away', node);
  await untilAllHaveHeartbeats(node);
  await untilRejected(node, before);
  const { reader } = await comeBack('', node, lastIdOf(node));
  await reader.end();
  const { statusCode, headers } = reader.response;
  const answer = `${statusCode} ${headers['content-type']} ${reader.text}`;
  if (!/^200 text\/event-stream\S* retry: \d+\n\n$/.test(answer)) {
    faults.push(`a client that came back to ${url} got ${answer}`);
  }
  const visitor = await comeAnew(node);
  if (hub.stats().log.connected) faults.push(`the log of ${name} was not away all the time`);
  return visitor;
}

/** One line for each thing that a visitor has wrongly, or lacks, of what others got. */
function* faultsOf(
  { name, reader, since }: Visitor,
  loses: Fault<Engine>['loses'],
  all: readonly Received[],
): Generator<string> {
  const gaps = gapsOf(reader);
  const last = reader.events.findLastIndex(({ type }) => type === 'gap');
  const isTold = gaps.length > 0;
  if (isTold && (loses === 'nobody' || reader.events[0]?.type !== 'gap')) {
    yield `${name} has gaps: ${gaps.join()}`;
  }
  const events = reader.events.slice(last + 1);
  const first = all.length - events.length;
  const same = events.every(({ id, data }, index) => {
    const other = all[first + index];
    return id === other?.id && data === other?.data;
  });
  const before = all[first - 1];
  // Where the log has lost entries, there is nothing below its new life.
  const begins =
    loses === 'all' ? isTold && before?.type === 'gap' : isTold || before?.id === since;
  if (!same || !begins) {
    const ids = events.map(({ id }) => id);
    yield `${name} was at ${since}, and got ${gaps.length} gaps and ${ids.length} events: ${ids.join()}`;
  }
}

/** Lets a fault happen to two nodes that send all the time. Gives what is wrong afterwards. */
export async function endure<Server extends Engine>(
  fault: Fault<Server>,
  server: Server,
  openLog: LogOpener,
): Promise<string[]> {
  await server.start();
  const sendTimeout = fault.isPatient ? PATIENCE : HUB.sendTimeout;
  const fleet = await Fleet.open(server.port, openLog, fault.kept, { ...HUB, sendTimeout });
  try {
    const work = struggle(fault, server, fleet);
    // What is missing shall be said, before jest says that it took too long.
    return await withTimeLimit(work, TIME_LIMIT, fault.name).catch((error) => [
      String(error),
      ...fleet.nodes.map(({ hub, acknowledged, rejected }) =>
        JSON.stringify([hub.stats(), acknowledged.length, rejected.length]),
      ),
      ...fleet.faults(),
    ]);
  } finally {
    await fleet.close();
  }
}

async function struggle<Server extends Engine>(
  fault: Fault<Server>,
  server: Server,
  fleet: Fleet,
): Promise<string[]> {
  const faults: string[] = [];
  const visitors: Visitor[] = [];
  const { a, b, nodes } = fleet;
  fleet.resume();
  await fleet.acknowledges(20);
  await Promise.all(fleet.readers.map((reader) => reader.received(1)));
  const [atA, atB] = nodes.map(lastIdOf) as [string, string];

  await fault.strike(fleet, server, async (...away) => {
    visitors.push(...(await Promise.all(away.map((node) => endureOutage(node, faults)))));
  });
  const struckAt = performance.now();
  const told = nodes
    .filter(({ name }) => fault.loses === 'all' || fault.loses === name)
    .flatMap(({ readers }) => readers);
  await Promise.all(told.map((reader) => reader.until(() => gapsOf(reader).length > 0)));
  const late = performance.now() - struckAt;
  if (told.length > 0 && late > TOLD_WITHIN) faults.push(`the gap came after ${late} ms`);

  fleet.resume();
  await fleet.acknowledges(20);
  // What tells a node of new events may come back later than what it sends them over.
  await Promise.all(nodes.map((node) => untilLogIs('back', node)));
  visitors.push(
    await comeBack('from a to b', b, atA),
    await comeBack('from b to a', a, atB),
    await comeAnew(a),
    await comeAnew(b),
  );
  await fleet.acknowledges(20);
  await fleet.pause();
  await fleet.settled();
  const last = fleet.acknowledged.at(-1);
  const hasAll = ({ reader }: Visitor) => reader.until(() => reader.events.at(-1)?.id === last?.id);
  await Promise.all(visitors.map(hasAll));
  for (const { hub } of nodes) while (hub.stats().log.behind > 0) await sleep(10);

  faults.push(...fleet.faults(), ...misplaced(fleet));
  for (const reader of fleet.readers) {
    const gaps = gapsOf(reader);
    if (!isTolerated(gaps, told.includes(reader) ? fault.loses : 'nobody')) {
      faults.push(`gaps: ${gaps.join()}`);
    }
  }
  const [reference] = b.readers as [StreamReader];
  for (const visitor of visitors) {
    // One that joined anew after the fault has nothing to lose.
    const isLate = parseEpoch(visitor.since) === parseEpoch(last?.id) && fault.loses === 'all';
    faults.push(...faultsOf(visitor, isLate ? 'nobody' : fault.loses, reference.events));
  }
  const connected = nodes.reduce((sum, { hub }) => sum + hub.size, 0);
  if (connected !== fleet.readers.length + visitors.length) {
    faults.push(
      `there are ${connected} clients, and not ${visitors.length} more than in the beginning`,
    );
  }
  for (const { name, hub, proxy, rejected } of nodes) {
    if (!hub.stats().log.connected) faults.push(`the log of ${name} is away`);
    if (mostInOneSecond(proxy) > STORM) faults.push(`${name} reconnected in a storm`);
    for (const { error } of rejected) {
      const { code } = error as { readonly code?: string };
      if (fault.isPatient || code !== 'ERR_SSE_LOG_AWAY') faults.push(String(error));
    }
  }
  return faults;
}

/** Whether these are the gaps that a client is to be told of. */
function isTolerated(gaps: readonly string[], loses: Fault<Engine>['loses']): boolean {
  const told = { nobody: [], all: ['{"reason":"epoch"}'], a: ['{"reason":"trimmed"}'] };
  return gaps.join() === told[loses].join();
}

function parseEpoch(id: string | undefined): string | undefined {
  return id?.split('.')[0];
}

/** One line for each event that came under another id than its sender was told, or not after a loss. */
function* misplaced({ readers, acknowledged }: Fleet): Generator<string> {
  const ids = new Map(acknowledged.map(({ data, id }) => [data, id]));
  const life = parseEpoch(acknowledged.at(-1)?.id);
  const inLife = acknowledged.filter(({ id }) => parseEpoch(id) === life);
  for (const { events } of readers) {
    for (const { id, data } of events) {
      const told = ids.get(data);
      if (told !== undefined && told !== id)
        yield `${data} came as ${id}, and was stored as ${told}`;
    }
    // Whoever was told that the log has begun anew has everything since.
    if (events.every(({ type, data }) => type !== 'gap' || !data.includes('epoch'))) continue;
    const got = new Set(events.map(({ data }) => data));
    for (const { data, id } of inLife)
      if (!got.has(data)) yield `lacks ${data}, ${id}, of the new life`;
  }
}
