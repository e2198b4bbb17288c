import { randomUUID } from 'node:crypto';
import { jetstream, jetstreamManager, type StreamConfig } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { createHub } from '../../lib/index.js';
import type { Log } from '../../lib/log/log.js';
import { natsLog } from '../../lib/nats/nats-log.js';
import { type Engine, stopEngines } from '../support/engine.js';
import { logContract } from '../support/log-contract.js';
import { NATS, type NatsServer, natsServer, startNatsCluster } from '../support/nats-server.js';
import { describeWith } from '../support/needs.js';
import { stopProxies, type TcpProxy, tcpProxy } from '../support/proxy.js';
import { RecordingFollower } from '../support/recording-follower.js';

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

describeWith(NATS, 'a log in NATS', (path) => {
  const site = {} as { server: Engine; proxy: TcpProxy };

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
    for (let round = 0; round < 50; round++) {
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

  test.each<[string, Partial<StreamConfig>, string, RegExp]>([
    ['whose stream is full', { max_msgs: 1, discard: 'new' }, '', /maximum messages exceeded/],
    ['whose stream has lost its subject', {}, 'elsewhere', /\(the last attempt failed with .+\)/],
  ])(
    '%s says so in the error of a send, and in the line of the log',
    async (_what, config, subject, reason) => {
      const { streams } = await jetstreamManager(await connectTo(site.server.port));
      const name = `sse_${prefix}`;
      await streams.add({ name, subjects: [`sse.${prefix}`], storage: 'memory', ...config });
      const log = natsLog(jetstream(await connectTo(site.server.port)), { prefix });
      const lines: string[] = [];
      const logger = { info() {}, warn: (line: string) => lines.push(line) };
      const hub = createHub({ log, logger, sendTimeout: 1500 });
      endings.push(() => hub.close());
      await hub.send('first');
      if (subject !== '') await streams.update(name, { subjects: [subject + prefix] });
      const error = await hub.send('second').catch((thrown: Error) => thrown);
      expect(String(error)).toMatch(reason);
      expect(lines).toEqual([expect.stringMatching(reason)]);
    },
  );

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
      // Before the stream drops it.
      await follower.received(count + 1);
    }
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
  let servers: readonly NatsServer[];

  beforeAll(async () => {
    servers = await startNatsCluster(path, 3);
  });

  afterAll(stopEngines);

  async function connectToAll(): Promise<NatsConnection> {
    const connection = await connect({
      servers: servers.map(({ port }) => `127.0.0.1:${port}`),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      pingInterval: 500,
      waitOnFirstConnect: true,
    });
    endings.push(() => connection.close());
    return connection;
  }

  // The servers say so for a moment, and rarely, when nodes make the stream at once.
  test('begins one life where it is first told a date of creation that does not hold', async () => {
    const js = jetstream(await connectToAll());
    const mistaken = Object.assign(Object.create(js), {
      async jetstreamManager() {
        const manager = await js.jetstreamManager();
        const add = async (config: Partial<StreamConfig> & { name: string }) => ({
          ...(await manager.streams.add(config)),
          created: '2001-02-03T04:05:06.7Z',
        });
        const streams = Object.assign(Object.create(manager.streams), { add });
        return Object.assign(Object.create(manager), { streams });
      },
    });
    const log = natsLog(mistaken, { prefix, replicas: 3 });
    const follower = await follow(log);
    await log.append({ fields: Buffer.from('first') }, new AbortController().signal);
    await follower.received(1);
    expect(follower.runs).toHaveLength(1);
  });

  test('has all that it confirmed, in one life, while its leaders are killed', async () => {
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
