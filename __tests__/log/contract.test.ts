import { randomUUID } from 'node:crypto';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { createCluster, createSentinel } from 'redis';
import { createCluster as createCluster5, createSentinel as createSentinel5 } from 'redis5';
import type { Log } from '../../lib/log/log.js';
import { memoryLog } from '../../lib/log/memory.js';
import { natsLog } from '../../lib/nats/nats-log.js';
import { type RedisClient, redisLog } from '../../lib/redis/redis-log.js';
import { type Engine, stopEngines } from '../support/engine.js';
import {
  eventually,
  type LogSource,
  logContract,
  type OpenOptions,
} from '../support/log-contract.js';
import { NATS, natsServer, startNatsCluster } from '../support/nats-server.js';
import { describeWith } from '../support/needs.js';
import { stopProxies, type TcpProxy, tcpProxy } from '../support/proxy.js';
import { RecordingFollower } from '../support/recording-follower.js';
import { type RedisLibrary, redisClients, redisClusterClients } from '../support/redis-clients.js';
import { MASTER_NAME, RedisSentinel } from '../support/redis-sentinel.js';
import { connections, REDIS, type RedisServer, redisServer } from '../support/redis-server.js';
import { refusal } from '../support/refusal.js';

/** Of the test that runs. */
let prefix = '';

/** Ends what the test opened, the last first. */
const endings: (() => unknown)[] = [];

beforeEach(() => {
  prefix = randomUUID();
});

afterEach(async () => {
  for (let end = endings.pop(); end !== undefined; end = endings.pop()) await end();
});

/** Resolves when the log has begun. It is closed after the test. */
async function follow(log: Log): Promise<RecordingFollower> {
  endings.push(() => log.close?.());
  const follower = new RecordingFollower();
  log.follow(follower);
  await follower.begun();
  return follower;
}

describe('a log in memory', () => {
  logContract({ open: async () => memoryLog() });

  test('has another epoch than all others', () => {
    const epochs = Array.from({ length: 100 }, () => {
      const follower = new RecordingFollower();
      memoryLog().follow(follower);
      return follower.run?.epoch;
    });
    expect(new Set(epochs).size).toBe(100);
  });
});

/** A server, and the proxy that logs reach it through. */
interface Site<Server> {
  server: Server;
  proxy: TcpProxy;
}

/** Logs in a Redis through one of the libraries; those that are direct, through another. */
function redisSource(
  site: Site<RedisServer>,
  library: RedisLibrary<RedisClient>,
): Required<LogSource> {
  const [direct] = redisClients;
  return {
    async open({ history, direct: isDirect = false } = {}) {
      const { client, close } = isDirect
        ? await (direct as RedisLibrary<RedisClient>).connect(site.server.url)
        : await library.connect(`redis://127.0.0.1:${site.proxy.port}`);
      endings.push(close);
      return redisLog(client, { prefix, history });
    },
    engine: {
      get proxy() {
        return site.proxy;
      },
      async lose() {
        await site.server.command('FLUSHALL');
      },
      async refuse() {
        await site.server.command('CONFIG', 'SET', 'maxmemory', '1');
        return { fields: Buffer.from('data: refused\n') };
      },
      async accept() {
        await site.server.command('CONFIG', 'SET', 'maxmemory', '0');
      },
    },
  };
}

/** One of each library that can copy it, none of them connected. */
function sentinelClients(port: number): RedisClient[] {
  const at = { host: '127.0.0.1', port };
  const forRedis = { name: MASTER_NAME, sentinelRootNodes: [at] };
  const forIoRedis = { name: MASTER_NAME, sentinels: [at], lazyConnect: true };
  return [createSentinel(forRedis), new Redis(forIoRedis), new Redis5(forIoRedis)];
}

function redisContract(site: Site<RedisServer>, library: RedisLibrary<RedisClient>): void {
  const source = redisSource(site, library);
  logContract(source);

  test('stores once what the server has, and could not say so before the connection broke', async () => {
    const { signal } = new AbortController();
    const log = await source.open();
    const follower = await follow(log);
    await log.append({ fields: Buffer.from('data: a\n') }, signal);
    site.server.freeze();
    const passed = site.proxy.passed('data: c');
    const appended = [
      log.append({ fields: Buffer.from('data: b\n') }, signal),
      log.append({ fields: Buffer.from('data: c\n') }, signal),
    ];
    await passed;
    site.proxy.cut();
    site.server.thaw();
    const ids = await Promise.all(appended);
    await log.append({ fields: Buffer.from('data: d\n') }, signal);
    await follower.received(4);
    expect(ids.map(({ sequence }) => sequence)).toEqual([2, 3]);
    expect(follower.entries.map(({ fields }) => String(fields))).toEqual(
      ['a', 'b', 'c', 'd'].map((name) => `data: ${name}\n`),
    );
  });

  /** A log that has begun, and how to append to it. */
  async function join(options?: OpenOptions) {
    const log = await source.open(options);
    const follower = await follow(log);
    const { signal } = new AbortController();
    const append = async (name: string) => log.append({ fields: Buffer.from(name) }, signal);
    return { log, follower, append };
  }

  /** Remembers what the server has, as a copy on its disk would. */
  const save = () => copy('', 'old-');
  /** Has the server go back to that. */
  const restore = () => copy('old-', '');

  async function copy(from: string, to: string): Promise<void> {
    for (const part of ['log', 'meta']) {
      const keys = [from, to].map((at) => `sse:{${prefix}}:${at}${part}`);
      await site.server.command('COPY', ...keys, 'REPLACE');
    }
  }

  test('begins another life where the server has gone back, and others have written since', async () => {
    const before = await join();
    await before.append('a');
    await save();
    await before.append('b');
    await before.append('c');
    await before.follower.received(3);
    site.proxy.refuse(true);
    site.proxy.cut();
    await restore();
    const after = await join({ direct: true });
    for (const name of ['d', 'e', 'f']) await after.append(name);
    site.proxy.refuse(false);
    await before.follower.until(() => before.follower.runs.length === 2);
    const { epoch, sequence } = await after.append('g');
    await before.follower.received(4);
    await after.follower.received(4);
    for (const { log, follower } of [before, after]) {
      const [old, now] = follower.runs;
      expect(old?.epoch).not.toBe(epoch);
      expect(now).toMatchObject({ epoch, entries: [{ sequence, fields: Buffer.from('g') }] });
      // What is left of the old life can't be taken for the new one's.
      expect((await log.read?.(0, 100))?.map((entry) => entry.sequence)).toEqual([sequence]);
    }
  });

  test('begins a life that never was, however often the server goes back to the same place', async () => {
    const { follower, append } = await join();
    await append('a');
    await save();
    const ids = [await append('b')];
    for (let lives = 2; lives <= 4; lives++) {
      await restore();
      if (lives === 3) {
        // Found by a write, the other times by the tail.
        ids.push(await append('c'));
      }
      await follower.until(() => follower.runs.length === lives);
      ids.push(await append('d'));
    }
    await follower.until(() => String(follower.entries.at(-1)?.fields) === 'd');
    expect(follower.runs).toHaveLength(4);
    expect(new Set(follower.runs.map(({ epoch }) => epoch)).size).toBe(4);
    expect(new Set(ids.map(({ epoch, sequence }) => `${epoch}.${sequence}`)).size).toBe(5);
    expect(ids.at(-1)?.epoch).toBe(follower.run?.epoch);
    expect(follower.run?.entries).toHaveLength(1);
  });

  test('closes the connections that it opened', async () => {
    const log = await source.open();
    const before = await connections(site.server);
    await follow(log);
    await log.append({ fields: Buffer.from('data: a\n') }, new AbortController().signal);
    const opened = (await connections(site.server)).filter((id) => !before.includes(id));
    expect(opened.length).toBeGreaterThanOrEqual(2);
    await log.close?.();
    await eventually(async () => {
      const left = await connections(site.server);
      return !opened.some((id) => left.includes(id));
    });
  });
}

describeWith(REDIS, 'a log in Redis', (path) => {
  const site = {} as Site<RedisServer>;

  beforeAll(async () => {
    site.server = redisServer(path);
    await site.server.start();
    site.proxy = await tcpProxy(site.server.port);
  });

  afterAll(async () => {
    await stopProxies();
    await stopEngines();
  });

  describe.each(redisClients)('through $name', (library) => redisContract(site, library));

  const pipelining = { lazyConnect: true, enableAutoPipelining: true };

  test.each<[string, (url: string) => RedisClient]>([
    ['ioredis 6', (url) => new Redis(url, pipelining)],
    ['ioredis 5', (url) => new Redis5(url, pipelining)],
  ])('goes through a client of %s that makes pipelines by itself', async (_name, create) => {
    const log = redisLog(create(site.server.url), { prefix });
    const follower = await follow(log);
    await log.append({ fields: Buffer.from('a') }, new AbortController().signal);
    await follower.received(1);
  });
});

describeWith(REDIS, 'a log in a cluster of Redis', (path) => {
  const site = {} as Site<RedisServer>;

  beforeAll(async () => {
    // The clients go where the cluster says that its nodes are.
    site.proxy = await tcpProxy(0);
    const announced = ['--cluster-announce-port', String(site.proxy.port)];
    site.server = redisServer(path, { cluster: true, args: announced });
    await site.server.start();
    site.proxy.target = site.server.port;
  });

  afterAll(async () => {
    await stopProxies();
    await stopEngines();
  });

  describe.each(redisClusterClients)('through $name', (library) => redisContract(site, library));

  const account = { username: 'ann', password: 'secret' };
  const startLazily = { lazyConnect: true, redisOptions: account };

  test.each<[string, (url: string) => RedisClient]>([
    ['redis 6', (url) => createCluster({ rootNodes: [{ url }], defaults: account })],
    ['redis 5', (url) => createCluster5({ rootNodes: [{ url }], defaults: account })],
    ['ioredis 6', (url) => new Cluster([url], startLazily)],
    ['ioredis 5', (url) => new Cluster5([url], startLazily)],
  ])('is reached as the user that a client of %s signs in as', async (_library, create) => {
    const { server, proxy } = site;
    await server.command('ACL', 'SETUSER', 'ann', 'on', '>secret', '~*', '&*', '+@all');
    const log = redisLog(create(`redis://127.0.0.1:${proxy.port}`), { prefix });
    await follow(log);
    await log.append({ fields: Buffer.from('data: a\n') }, new AbortController().signal);
    expect((await connections(server, 'ann')).length).toBeGreaterThanOrEqual(2);
  });
});

describeWith(REDIS, 'a log in a Redis that sentinels look after', (path) => {
  afterAll(stopEngines);

  test('goes on at the replica that is promoted, through all clients, with nothing lost', async () => {
    const { signal } = new AbortController();
    const master = redisServer(path);
    await master.start();
    const replica = redisServer(path, { replicaOf: master });
    await replica.start();
    const sentinel = new RedisSentinel(master);
    await sentinel.start();

    const logs = sentinelClients(sentinel.port).map((client) => redisLog(client, { prefix }));
    const followers = await Promise.all(logs.map(follow));
    const expected: string[] = [];
    const appendThroughAll = async (when: string) => {
      for (const [index, log] of logs.entries()) {
        expected.push(`${when} ${index}`);
        await log.append({ fields: Buffer.from(`${when} ${index}`) }, signal);
      }
    };
    await appendThroughAll('before');
    await master.command('WAIT', '1', '0');
    await master.kill();
    await appendThroughAll('after');

    for (const follower of followers) {
      await follower.received(2 * logs.length);
      expect(follower.entries.map(({ fields }) => String(fields))).toEqual(expected);
      expect(follower.runs).toHaveLength(1);
    }
    expect(await replica.command('ROLE')).toContain('master');
  });
});

describeWith(NATS, 'a log in NATS', (path) => {
  const site = {} as Site<Engine>;

  beforeAll(async () => {
    site.server = natsServer(path);
    await site.server.start();
    site.proxy = await tcpProxy(site.server.port);
  });

  afterAll(async () => {
    await stopProxies();
    await stopEngines();
  });

  async function connectTo(port: number): Promise<NatsConnection> {
    const connection = await connect({
      servers: `127.0.0.1:${port}`,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
    });
    endings.push(() => connection.close());
    return connection;
  }

  logContract({
    async open({ history, direct = false } = {}) {
      const connection = await connectTo((direct ? site.server : site.proxy).port);
      return natsLog(jetstream(connection), { prefix, history });
    },
    engine: {
      get proxy() {
        return site.proxy;
      },
      async lose() {
        const manager = await jetstreamManager(await connectTo(site.server.port));
        await manager.streams.delete(`sse_${prefix}`);
      },
      // More than a message may have.
      refuse: async () => ({ fields: Buffer.alloc(2 * 1024 * 1024, 'x') }),
      accept: async () => {},
    },
  });

  test('is one log, and of one life, for nodes that all come before it is there', async () => {
    const connections = await Promise.all(
      Array.from({ length: 4 }, () => connectTo(site.server.port)),
    );
    for (let round = 0; round < 200; round++) {
      const nodes = connections.map((connection) => {
        const log = natsLog(jetstream(connection), { prefix: `${prefix}-${round}` });
        const follower = new RecordingFollower();
        log.follow(follower);
        return { log, follower };
      });
      await Promise.all(nodes.map(({ follower }) => follower.begun()));
      await Promise.all(nodes.map(({ log }) => log.caughtUp?.()));
      expect(new Set(nodes.map(({ follower }) => follower.run?.epoch)).size).toBe(1);
      for (const { follower } of nodes) expect(follower.runs).toHaveLength(1);
      await Promise.all(nodes.map(({ log }) => log.close?.()));
    }
  });

  test('keeps what it takes right after somebody deleted its stream', async () => {
    const loseAndSend = async (stream: string) => {
      const join = async () => {
        const connection = await connectTo(site.server.port);
        const log = natsLog(jetstream(connection), { prefix: stream });
        return { log, follower: await follow(log) };
      };
      const nodes = [await join(), await join()] as const;
      const { streams } = await jetstreamManager(await connectTo(site.server.port));
      await streams.delete(`sse_${stream}`);
      const fields = ['a', 'b'].map((name) => Buffer.from(`data: ${name}\n`));
      const { signal } = new AbortController();
      for (const bytes of fields) await nodes[1].log.append({ fields: bytes }, signal);
      for (const { follower } of nodes) {
        await follower.received(2);
        expect(follower.runs).toHaveLength(2);
        expect(follower.run?.entries.map((entry) => entry.fields)).toEqual(fields);
      }
    };
    // The server is still about it when it has told the nodes: not every time that is too early.
    for (let round = 0; round < 3; round++) {
      const streams = Array.from({ length: 10 }, (_, index) => `${prefix}-${round}-${index}`);
      await Promise.all(streams.map(loseAndSend));
    }
  });

  test('begins a life that never was, however often the server goes back to the same place', async () => {
    const { server } = site;
    const log = natsLog(jetstream(await connectTo(server.port)), { prefix });
    const follower = await follow(log);
    const { signal } = new AbortController();
    const append = async (name: string) => log.append({ fields: Buffer.from(name) }, signal);
    await append('a');
    await server.kill();
    await server.save();
    await server.start();
    await append('b');
    for (let lives = 2; lives <= 3; lives++) {
      await server.kill();
      await server.restore();
      await server.start();
      await follower.until(() => follower.runs.length === lives);
      await append(`${lives}`);
    }
    await follower.until(() => String(follower.entries.at(-1)?.fields) === '3');
    expect(follower.runs).toHaveLength(3);
    expect(new Set(follower.runs.map(({ epoch }) => epoch)).size).toBe(3);
    expect(follower.run?.entries).toHaveLength(1);
  });

  test("passes over what is somebody else's in its stream", async () => {
    const connection = await connectTo(site.server.port);
    const log = natsLog(jetstream(connection), { prefix });
    const follower = await follow(log);
    const { signal } = new AbortController();
    await log.append({ fields: Buffer.from('a') }, signal);
    await jetstream(connection).publish(`sse.${prefix}`, 'hi');
    await log.append({ fields: Buffer.from('b') }, signal);
    await follower.received(3);
    expect(follower.entries.map(({ rooms }) => rooms)).toEqual([undefined, [], undefined]);
    expect(follower.runs).toHaveLength(1);
  });

  test('takes a stream that is there as it is, and its limits for the history', async () => {
    const { streams } = await jetstreamManager(await connectTo(site.server.port));
    const config = {
      name: `sse_${prefix}`,
      subjects: [`sse.${prefix}`],
      description: 'Of the kitchen',
      storage: 'memory' as const,
      max_msgs: 3,
    };
    const { created } = await streams.add({ ...config });
    const connection = await connectTo(site.server.port);
    const log = natsLog(jetstream(connection), { prefix, history: { events: 100, age: 1000 } });
    const follower = await follow(log);
    const { signal } = new AbortController();
    for (let count = 0; count < 5; count++) {
      await log.append({ fields: Buffer.from(`data: ${count}\n`) }, signal);
    }
    await follower.received(5);
    expect((await log.read?.(0, 100))?.map(({ sequence }) => sequence)).toEqual([3, 4, 5]);
    expect(await streams.info(`sse_${prefix}`)).toMatchObject({ created, config });
  });

  test('makes its stream with the history that it is given', async () => {
    const connection = await connectTo(site.server.port);
    await follow(natsLog(jetstream(connection), { prefix, history: { events: 7, age: 60_000 } }));
    const { streams } = await jetstreamManager(connection);
    expect(await streams.info(`sse_${prefix}`)).toMatchObject({
      config: { max_msgs: 7, max_age: 60_000e6, storage: 'file', num_replicas: 1 },
    });
  });

  test('is away as long as there are fewer servers than it is to be copied to', async () => {
    const connection = await connectTo(site.server.port);
    const log = natsLog(jetstream(connection), { prefix, replicas: 3 });
    endings.push(() => log.close?.());
    const follower = new RecordingFollower();
    log.follow(follower);
    await follower.until(() => follower.calls.includes('disconnected'));
    expect(follower.runs).toEqual([]);
  });

  test('leaves its connection open when it is closed', async () => {
    const connection = await connectTo(site.server.port);
    const log = natsLog(jetstream(connection), { prefix });
    await follow(log);
    await log.close?.();
    await connection.flush();
    expect(connection.isClosed()).toBe(false);
  });
});

describeWith(NATS, 'a log in three NATS servers', (path) => {
  afterAll(stopEngines);

  test('has all that it confirmed, in one life, while its leaders are killed', async () => {
    const servers = await startNatsCluster(path, 3);
    const connectToAll = async () => {
      const connection = await connect({
        servers: servers.map(({ port }) => `127.0.0.1:${port}`),
        maxReconnectAttempts: -1,
        reconnectTimeWait: 100,
        pingInterval: 500,
        waitOnFirstConnect: true,
      });
      endings.push(() => connection.close());
      return connection;
    };
    const { signal } = new AbortController();
    const logs = [await connectToAll(), await connectToAll()].map((connection) =>
      natsLog(jetstream(connection), { prefix, replicas: 3 }),
    );
    const followers = await Promise.all(logs.map(follow));
    const expected: string[] = [];
    const appendThroughAll = async (count: number) => {
      for (let index = 0; index < count; index++) {
        for (const log of logs) {
          const name = `${expected.length}`;
          const { sequence } = await log.append({ fields: Buffer.from(name) }, signal);
          expect(sequence).toBe(expected.push(name));
        }
      }
    };
    await appendThroughAll(10);
    const { streams } = await jetstreamManager(await connectToAll());
    for (let kills = 0; kills < 2; kills++) {
      const { cluster } = await streams.info(`sse_${prefix}`);
      expect(cluster?.replicas).toHaveLength(2);
      const leader = servers.find(({ name }) => name === cluster?.leader);
      await leader?.kill();
      await appendThroughAll(10);
      await leader?.start();
      // The next one is killed before this one has what it lacks.
      await appendThroughAll(10);
    }
    for (const follower of followers) {
      await follower.received(expected.length);
      expect(follower.entries.map(({ fields }) => String(fields))).toEqual(expected);
      expect(follower.runs).toHaveLength(1);
    }
  });
});

const redisClient = { callBuffer: async () => {}, duplicate: () => {} };
const natsClient = {
  jetstreamManager: async () => {},
  publish: async () => {},
  consumers: { get: async () => {} },
};

const RIGHT_REDIS = 'must be a client of redis or ioredis';
const RIGHT_NATS = 'must be what jetstream(connection) gives';
const RIGHT_PREFIX = 'must be 1 to 64 characters of A-Z a-z 0-9 _ -';
const RIGHT_EVENTS = 'must be an integer from 1, or Infinity';
const RIGHT_AGE = 'must be a number above 0 and at most 2147483647, in milliseconds, or Infinity';

describe.each<[string, string, (client: never) => unknown]>([
  ['redisLog', RIGHT_REDIS, (client) => redisLog(client)],
  ['natsLog', RIGHT_NATS, (client) => natsLog(client)],
])('%s throws for a client', (name, right, make) => {
  test.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['{}', {}],
    ['6379', 6379],
    ["'localhost'", 'localhost'],
    ['{ publish: [Function: publish] }', { publish() {} }],
  ])('that is %s', (quoted, client) => {
    expect(refusal(() => make(client as never))).toBe(
      `TypeError: ${name} client ${quoted}: ${right}`,
    );
  });
});

test('redisLog throws for a sentinel client of redis 5, which nobody can copy', () => {
  const client = createSentinel5({
    name: MASTER_NAME,
    sentinelRootNodes: [{ host: '127.0.0.1', port: 1 }],
  });
  // @ts-expect-error The compiler knows as well.
  expect(refusal(() => redisLog(client))).toMatch(
    /^TypeError: redisLog client .+: must be one that can be copied: for sentinels, a client of redis 6 or ioredis$/,
  );
});

describe.each<[string, (options: never) => unknown]>([
  ['redisLog', (options) => redisLog(redisClient, options)],
  ['natsLog', (options) => natsLog(natsClient, options)],
])('%s throws for', (name, make) => {
  test.each<[unknown, string]>([
    ['orders', `TypeError: ${name} options 'orders': must be an object`],
    [null, `TypeError: ${name} options null: must be an object`],
    [{ prefix: '' }, `TypeError: prefix '': ${RIGHT_PREFIX}`],
    [{ prefix: 'a.b' }, `TypeError: prefix 'a.b': ${RIGHT_PREFIX}`],
    [{ prefix: 'a\n' }, `TypeError: prefix 'a\\n': ${RIGHT_PREFIX}`],
    [{ prefix: '{a}' }, `TypeError: prefix '{a}': ${RIGHT_PREFIX}`],
    [{ prefix: 'ü' }, `TypeError: prefix 'ü': ${RIGHT_PREFIX}`],
    [{ prefix: 7 }, `TypeError: prefix 7: ${RIGHT_PREFIX}`],
    [
      { prefix: 'x'.repeat(65) },
      `TypeError: prefix '${'x'.repeat(60)}'... 5 more characters: ${RIGHT_PREFIX}`,
    ],
    [{ history: 7 }, 'TypeError: history 7: must be an object'],
    [{ history: { events: 0 } }, `RangeError: history.events 0: ${RIGHT_EVENTS}`],
    [{ history: { events: 1.5 } }, `RangeError: history.events 1.5: ${RIGHT_EVENTS}`],
    [{ history: { events: '9' } }, `TypeError: history.events '9': ${RIGHT_EVENTS}`],
    [{ history: { age: 0 } }, `RangeError: history.age 0: ${RIGHT_AGE}`],
    [{ history: { age: 3e9 } }, `RangeError: history.age 3000000000: ${RIGHT_AGE}`],
    [{ history: { age: '9' } }, `TypeError: history.age '9': ${RIGHT_AGE}`],
  ])('%j', (options, message) => {
    expect(refusal(() => make(options as never))).toBe(message);
  });

  test.each<object>([
    {},
    { prefix: 'Az-09_' },
    { prefix: 'x'.repeat(64) },
    { history: {} },
    { history: { events: 1, age: 0.5 } },
    { history: { events: Infinity, age: Infinity } },
  ])('nothing in %j', (options) => {
    expect(refusal(() => make(options as never))).toBe('none');
  });
});

describe('natsLog throws for', () => {
  const right = 'must be an integer from 1 to 5';

  test.each<[unknown, string]>([
    [0, `RangeError: replicas 0: ${right}`],
    [6, `RangeError: replicas 6: ${right}`],
    [1.5, `RangeError: replicas 1.5: ${right}`],
    ['3', `TypeError: replicas '3': ${right}`],
  ])('replicas %j', (replicas, message) => {
    expect(refusal(() => natsLog(natsClient, { replicas: replicas as number }))).toBe(message);
  });

  test.each([1, 3, 5])('nothing with replicas %j', (replicas) => {
    expect(refusal(() => natsLog(natsClient, { replicas }))).toBe('none');
  });
});
