import { randomUUID } from 'node:crypto';
import { Cluster, Redis } from 'ioredis';
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5';
import { createCluster, createSentinel } from 'redis';
import { createCluster as createCluster5 } from 'redis5';
import type { Log, LogEntry } from '../../lib/log/log.js';
import { type RedisClient, redisLog } from '../../lib/redis/redis-log.js';
import { stopEngines } from '../support/engine.js';
import {
  eventually,
  type LogSource,
  libraryContract,
  logContract,
  type OpenOptions,
} from '../support/log-contract.js';
import { describeWith } from '../support/needs.js';
import { stopProxies, type TcpProxy, tcpProxy } from '../support/proxy.js';
import { RecordingFollower } from '../support/recording-follower.js';
import { type RedisLibrary, redisClients, redisClusterClients } from '../support/redis-clients.js';
import { MASTER_NAME, RedisSentinel } from '../support/redis-sentinel.js';
import { connections, REDIS, type RedisServer, redisServer } from '../support/redis-server.js';
import { slowLine } from '../support/slow-line.js';

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

/** Nobody stops to wait. */
const NEVER = new AbortController().signal;

/** Resolves when the log has begun. It is closed after the test. */
async function follow(log: Log): Promise<RecordingFollower> {
  endings.push(() => log.close?.());
  const follower = new RecordingFollower();
  log.follow(follower);
  await follower.begun();
  return follower;
}

/** A server, and the proxy that logs reach it through. */
interface Site {
  server: RedisServer;
  proxy: TcpProxy;
}

/** Logs in a Redis through one of the libraries; those that are direct, through another. */
function redisSource(site: Site, library: RedisLibrary<RedisClient>): Required<LogSource> {
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

/** What may differ between the libraries, and the kinds of a library's clients. */
function redisLibraryContract(site: Site, library: RedisLibrary<RedisClient>): void {
  const source = redisSource(site, library);
  libraryContract(source);

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

  describe('gets over an entry that another program has added', () => {
    /** A log, and a way to add to its stream by hand. */
    async function openLog() {
      const client = await (redisClients[0] as RedisLibrary<RedisClient>).connect(site.server.url);
      endings.push(client.close);
      const log = redisLog(client.client, { prefix });
      const follower = await follow(log);
      await log.append({ fields: Buffer.from('data: first\n') }, NEVER);
      await follower.received(1);
      const add = (id: string, ...fields: string[]) =>
        site.server.command('XADD', `sse:{${prefix}}:log`, id, ...fields);
      return { log, follower, add };
    }

    const epochOf = (follower: RecordingFollower) => follower.run?.epoch as string;

    test.each<[string, string, (epoch: string) => string[]]>([
      ['right behind the newest', '2-0', () => ['hello', 'world']],
      ['with a time as its id', '*', () => ['hello', 'world']],
      [
        'with rooms that are no list',
        '2-0',
        (e) => ['e', e, 'w', 'x:1', 'd', 'data: x\n', 'r', '7'],
      ],
      ['of another epoch', '2-0', () => ['e', 'other', 'w', 'x:1', 'd', 'data: x\n']],
    ])(
      '%s: it is given as foreign, and what follows is stored and given',
      async (_what, id, fields) => {
        const { log, follower, add } = await openLog();
        const epoch = epochOf(follower);
        await add(id, ...fields(epoch));
        await follower.received(2);
        const second = await log.append({ fields: Buffer.from('data: second\n') }, NEVER);
        await follower.received(3);
        expect(follower.entries.map((entry) => [String(entry.fields), entry.isForeign])).toEqual([
          ['data: first\n', undefined],
          ['', true],
          ['data: second\n', undefined],
        ]);
        expect(follower.entries.at(-1)?.sequence).toBe(second.sequence);
        expect(second.epoch).toBe(epoch);
        expect(follower.runs.every((run) => run.epoch === epoch)).toBe(true);
      },
    );

    test.each(['9007199254740991-0', '18446744073709551615-18446744073709551615'])(
      'with the id %s: the log begins another epoch, since nothing has room behind it',
      async (id) => {
        const { log, follower, add } = await openLog();
        const epoch = epochOf(follower);
        await add(id, 'hello', 'world');
        await eventually(async () => epochOf(follower) !== epoch);
        const second = await log.append({ fields: Buffer.from('data: second\n') }, NEVER);
        await follower.received(2);
        expect(second).toMatchObject({ epoch: epochOf(follower), sequence: 2 });
      },
    );
  });

  test('sends the scripts again to a server that has forgotten them', async () => {
    const log = await source.open();
    const follower = await follow(log);
    await site.server.command('SCRIPT', 'FLUSH');
    await log.append({ fields: Buffer.from('data: a\n') }, new AbortController().signal);
    await follower.received(1);
    expect(follower.runs).toHaveLength(1);
  });
}

/** What is Redis's alone. */
function redisContract(site: Site, library: RedisLibrary<RedisClient>): void {
  test('gets an entry of 5 MB over a line of 1 MB a second, for its live feed and for a replay', async () => {
    const line = await slowLine(site.server.port, 1_000_000);
    endings.push(line.close);
    const far = await (redisClients[0] as RedisLibrary<RedisClient>).connect(
      `redis://127.0.0.1:${line.port}`,
    );
    endings.push(far.close);
    const near = await (redisClients[0] as RedisLibrary<RedisClient>).connect(site.server.url);
    endings.push(near.close);
    const log = redisLog(far.client, { prefix });
    const follower = await follow(log);
    const writer = redisLog(near.client, { prefix });
    await follow(writer);
    const fields = Buffer.alloc(5_000_000, 'x');
    await writer.append({ fields }, NEVER);
    await follower.received(1);
    expect(follower.entries[0]?.fields.length).toBe(fields.length);
    let replayed: readonly LogEntry[] | undefined;
    await eventually(async () => {
      replayed = await log.read?.(0, 10).catch(() => undefined);
      return replayed !== undefined;
    });
    expect(replayed?.map((entry) => entry.fields.length)).toEqual([fields.length]);
  });

  const source = redisSource(site, library);
  logContract(source);

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

  test.each(['7', 'null', '"a"', '["a",7]', '{'])(
    'passes over an entry that no hub has written, with the rooms %s',
    async (rooms) => {
      const { log, follower, append } = await join();
      const { epoch, sequence } = await append('a');
      const fields = { e: epoch, w: 'x', t: String(Date.now()), d: 'b', r: rooms };
      const added = [`sse:{${prefix}}:log`, `${sequence + 1}-0`, ...Object.entries(fields).flat()];
      await site.server.command('XADD', ...added);
      await site.server.command('HINCRBY', `sse:{${prefix}}:meta`, 'head', '1');
      await append('c');
      await follower.received(3);
      expect(follower.entries.map((entry) => entry.rooms)).toEqual([undefined, [], undefined]);
      expect(await log.read?.(0, 100)).toMatchObject(follower.entries);
      expect(follower.runs).toHaveLength(1);
    },
  );

  test('begins another epoch where the server has gone back, and others have written since', async () => {
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
}

describeWith(REDIS, 'a log in Redis', (path) => {
  const site = {} as Site;

  beforeAll(async () => {
    site.server = redisServer(path);
    await site.server.start();
    site.proxy = await tcpProxy(site.server.port);
  });

  afterAll(async () => {
    await stopProxies();
    await stopEngines();
  });

  redisContract(site, redisClients[0] as RedisLibrary<RedisClient>);

  describe.each(redisClients)('through $name', (library) => redisLibraryContract(site, library));

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
  const site = {} as Site;

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

  describe.each(redisClusterClients)('through $name', (library) =>
    redisLibraryContract(site, library),
  );

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
