import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect as connectNats } from '@nats-io/transport-node';
import { stopEngines } from './support/engine.js';
import { NATS, natsServer } from './support/nats-server.js';
import { describeWith } from './support/needs.js';
import { stopProxies, type TcpProxy, tcpProxy } from './support/proxy.js';
import { type Connected, redisClients, redisClusterClients } from './support/redis-clients.js';
import { REDIS, redisServer } from './support/redis-server.js';
import { serve } from './support/server.js';
import { dropLater } from './support/stream-client.js';

/** What all the clients of Redis have in common. */
interface KeyValue {
  set(key: string, value: string): Promise<unknown>;
  get(key: string): Promise<unknown>;
}

async function setAndGet({ client, close }: Connected<KeyValue>): Promise<unknown> {
  try {
    await client.set('fruit', 'apple');
    return await client.get('fruit');
  } finally {
    await close();
  }
}

describeWith(REDIS, 'a redis-server of the tests', (path) => {
  afterEach(stopEngines);

  test('has its data after it was killed, and its port', async () => {
    const server = redisServer(path);
    await server.start();
    const { port } = server;
    await server.command('SET', 'fruit', 'apple');
    await server.kill();
    await expect(server.command('PING')).rejects.toThrow('ECONNREFUSED');

    await server.start();
    expect(server.port).toBe(port);
    expect(await server.command('GET', 'fruit')).toBe('apple');
  });

  test('has lost its data once that is wiped', async () => {
    const server = redisServer(path);
    await server.start();
    await server.command('SET', 'fruit', 'apple');
    await expect(server.wipe()).rejects.toThrow('still runs');
    await server.kill();
    await server.wipe();

    await server.start();
    expect(await server.command('GET', 'fruit')).toBeNull();
  });

  test('copies what its master has, and can take its place', async () => {
    const master = redisServer(path);
    await master.start();
    await master.command('SET', 'fruit', 'apple');
    const replica = redisServer(path, { replicaOf: master });
    await replica.start();
    expect(await replica.command('GET', 'fruit')).toBe('apple');
    await expect(replica.command('SET', 'fruit', 'pear')).rejects.toThrow('READONLY');

    await master.kill();
    await replica.command('REPLICAOF', 'NO', 'ONE');
    expect(await replica.command('SET', 'fruit', 'pear')).toBe('OK');
  });

  test('says why it did not start', async () => {
    const server = redisServer(path, { args: ['--ripeness', 'high'] });
    await expect(server.start()).rejects.toThrow('ripeness');
  });

  describe('of one node', () => {
    const server = redisServer(path);
    beforeEach(() => server.start());

    test.each(redisClients)('answers $name', async (library) => {
      expect(await setAndGet(await library.connect(server.url))).toBe('apple');
    });
  });
});

describeWith(REDIS, 'a cluster of the tests', (path) => {
  const server = redisServer(path, { cluster: true });
  beforeAll(() => server.start());
  afterAll(stopEngines);

  test.each(redisClusterClients)('answers $name', async (library) => {
    expect(await setAndGet(await library.connect(server.url))).toBe('apple');
  });

  test('is whole again after it was killed, and after it was wiped', async () => {
    await server.command('SET', 'fruit', 'apple');
    await server.kill();
    await server.start();
    expect(await server.command('GET', 'fruit')).toBe('apple');

    await server.kill();
    await server.wipe();
    await server.start();
    expect(await server.command('GET', 'fruit')).toBeNull();
  });
});

describeWith(NATS, 'a nats-server of the tests', (path) => {
  afterEach(stopEngines);

  test('has the messages of a stream after it was killed, and not after it was wiped', async () => {
    const server = natsServer(path);
    await server.start();
    const first = await connectNats({ servers: server.url, reconnect: false });
    const streams = await jetstreamManager(first);
    await streams.streams.add({ name: 'fruits', subjects: ['fruits'] });
    await jetstream(first).publish('fruits', 'apple');
    await server.kill();
    await first.closed();

    await server.start();
    const second = await connectNats({ servers: server.url, reconnect: false });
    const { streams: found } = await jetstreamManager(second);
    const message = await found.getMessage('fruits', { seq: 1 });
    expect(message?.string()).toBe('apple');
    await server.kill();
    await second.closed();
    await server.wipe();

    await server.start();
    const third = await connectNats({ servers: server.url });
    const { streams: left } = await jetstreamManager(third);
    expect(await left.list().next()).toEqual([]);
    await third.close();
  });
});

describe('a proxy of the tests', () => {
  let proxy: TcpProxy;
  let ends = 0;

  beforeEach(async () => {
    ends = 0;
    const echo = await startEcho(() => ends++);
    proxy = await tcpProxy(echo);
  });

  afterEach(stopProxies);

  test('passes on what comes, and where it ends', async () => {
    const socket = await open(proxy);
    expect(await echoed(socket)).toBe('apple');
    socket.end();
    await once(socket, 'close');
    expect(ends).toBe(1);
    expect(proxy.accepted).toBe(1);
    expect(proxy.acceptTimes[0]).toBeLessThan(performance.now());
  });

  test('leads new connections to where its target is now', async () => {
    const old = await open(proxy);
    await echoed(old);
    let elsewhere = 0;
    proxy.target = await startEcho(() => elsewhere++);
    const socket = await open(proxy);
    expect(await echoed(socket)).toBe('apple');
    expect(await echoed(old)).toBe('apple');
    socket.end();
    await once(socket, 'close');
    expect([ends, elsewhere]).toEqual([0, 1]);
  });

  test('cuts the connections there are, and takes new ones', async () => {
    const sockets = [await open(proxy), await open(proxy)];
    await Promise.all(sockets.map(echoed));
    const end = Promise.all(sockets.map(closed));
    proxy.cut();
    await end;
    expect(await echoed(await open(proxy))).toBe('apple');
    expect(proxy.accepted).toBe(3);
  });

  test('refuses new connections, and counts them', async () => {
    const old = await open(proxy);
    await echoed(old);
    proxy.refuse(true);
    await refused(proxy);
    await refused(proxy);
    expect(proxy.accepted).toBe(3);
    expect(await echoed(old)).toBe('apple');

    proxy.refuse(false);
    expect(await echoed(await open(proxy))).toBe('apple');
  });

  test('freezes the connections there are, in both directions, until it thaws', async () => {
    const frozen = await open(proxy);
    await echoed(frozen);
    const given = await open(proxy);
    await echoed(given);
    let isSilent = true;
    for (const type of ['data', 'end', 'close']) {
      frozen.on(type, () => {
        isSilent = false;
      });
    }
    proxy.freeze();
    frozen.write('apple');
    given.end();
    // What is new passes both ways, more than once: what is frozen had its time.
    const fresh = await open(proxy);
    for (let times = 0; times < 5; times++) expect(await echoed(fresh)).toBe('apple');
    expect(isSilent).toBe(true);
    expect(given.readableEnded).toBe(false);
    expect(ends).toBe(0);

    const end = Promise.all([frozen, given].map(closed));
    proxy.thaw();
    await end;
    expect(await echoed(fresh)).toBe('apple');
    expect(await echoed(await open(proxy))).toBe('apple');
  });

  test('takes new connections to silence them as well', async () => {
    proxy.freeze({ newOnes: true });
    const frozen = await open(proxy);
    let isSilent = true;
    frozen.on('data', () => {
      isSilent = false;
    });
    frozen.write('apple');
    // A second one, silent too, shows that the first was taken.
    await open(proxy);
    while (proxy.accepted < 2) await turn();
    expect(isSilent).toBe(true);

    const end = closed(frozen);
    proxy.thaw();
    await end;
    expect(isSilent).toBe(true);
    expect(await echoed(await open(proxy))).toBe('apple');
  });
});

/** The port of a server that says what it is told, until that ends. */
async function startEcho(onEnd: () => void): Promise<number> {
  const echo = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('end', onEnd);
    socket.pipe(socket);
  });
  return Number(new URL(await serve(echo)).port);
}

function dial({ port }: TcpProxy): Socket {
  const socket = dropLater(connect({ host: '127.0.0.1', port }));
  socket.on('error', () => {});
  return socket;
}

async function open(proxy: TcpProxy): Promise<Socket> {
  const socket = dial(proxy);
  await once(socket, 'connect');
  return socket;
}

/** The reset may be there before the connection is, or after. */
async function refused(proxy: TcpProxy): Promise<void> {
  await closed(dial(proxy));
}

async function echoed(socket: Socket): Promise<string> {
  socket.write('apple');
  const [data] = await once(socket, 'data');
  return String(data);
}

/** Resolves once the other side has closed it. */
async function closed(socket: Socket): Promise<void> {
  socket.resume();
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
}
