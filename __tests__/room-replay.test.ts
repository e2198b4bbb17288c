import { randomUUID } from 'node:crypto';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createClient } from 'redis';
import { createHub, type Hub, type HubOptions, type Log, type OpenOptions } from '../lib/index.js';
import type { SharedLogOptions } from '../lib/log/shared/options.js';
import { natsLog } from '../lib/nats/nats-log.js';
import { type RedisLogOptions, redisLog } from '../lib/redis/redis-log.js';
import { stopEngines } from './support/engine.js';
import { NATS, natsServer } from './support/nats-server.js';
import { describeWith } from './support/needs.js';
import { texts } from './support/range.js';
import { REDIS, type RedisServer, redisServer } from './support/redis-server.js';
import { serve } from './support/server.js';
import { StreamReader } from './support/stream-client.js';

/** Ends what the test opened, the last first. */
const endings: (() => unknown)[] = [];

afterEach(async () => {
  for (let end = endings.pop(); end !== undefined; end = endings.pop()) await end();
});

afterAll(stopEngines);

const dataOf = (reader: StreamReader) =>
  reader.events.filter(({ type }) => type === 'message').map(({ data }) => data);

/** A hub on a log, as a node has it that has only just started. */
function node(log: Log, options: HubOptions = {}): Hub {
  const hub = createHub({ log, requestQueueSize: 1000, keepAlive: false, ...options });
  endings.push(() => hub.close({ timeout: 500 }));
  return hub;
}

/** What a client receives that comes to this node, up to an event that is sent then. */
async function receives(hub: Hub, open: OpenOptions, lastEventId?: string): Promise<string[]> {
  const url = await serve((req, res) => void hub.open(req, res, open));
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const reader = await StreamReader.open(url, { headers });
  const end = randomUUID();
  await hub.send(end, { ephemeral: true });
  await reader.until(() => dataOf(reader).includes(end));
  const gap = reader.events.find(({ type }) => type === 'gap');
  return [...(gap === undefined ? [] : [gap.data]), ...dataOf(reader).slice(0, -1)];
}

/** What holds over every log that many nodes share. */
function sharedReplay(openLog: () => Log): void {
  test('a client that comes to a node that has only just started gets what is for its rooms', async () => {
    const writing = node(openLog());
    const first = await writing.to('own').send('first');
    await Promise.all(
      texts(300).flatMap((text) => [
        writing.to('own').send(text),
        ...texts(5).map((room) => writing.to(`other ${room}`).send('for others')),
      ]),
    );
    await writing.to('own', 'other 1').send('for several');
    const due = [...texts(300), 'for several'];
    expect(await receives(node(openLog()), { rooms: ['own'] }, first)).toEqual(due);
    expect(await receives(node(openLog()), { rooms: ['nobody'] }, first)).toEqual([]);
  });

  test('a new client begins with the newest of its room, or with all that is kept', async () => {
    const writing = node(openLog());
    await writing.send('for all');
    await Promise.all(
      texts(700).flatMap((text) => [writing.to('a').send(text), writing.to('b').send('b')]),
    );
    const last = await receives(node(openLog()), { rooms: ['a'], start: { last: 3 } });
    expect(last).toEqual(['697', '698', '699']);
    const all = await receives(node(openLog()), { rooms: ['a'], start: 'earliest' });
    expect(all.slice(0, 2)).toEqual(['for all', '0']);
    expect(all.slice(0, 701)).toEqual(['for all', ...texts(700)]);
  });

  test('with `state` it gets the newest event of each key, and nothing else', async () => {
    const writing = node(openLog());
    const send = (text: string, conflate?: string) =>
      writing.to('a').send(text, conflate === undefined ? {} : { conflate });
    await send('x1', 'x');
    await send('y1', 'y');
    await Promise.all(texts(700).map((text) => writing.to('b').send(text, { conflate: text })));
    await Promise.all(texts(300).map((text) => send(text)));
    await send('x2', 'x');
    const small = node(openLog(), { history: { events: 1 } });
    expect(await receives(small, { rooms: ['a'], start: 'state' })).toEqual(['y1', 'x2']);
    // What the node has in its memory by now is not sent twice.
    await send('y2', 'y');
    expect(await receives(small, { rooms: ['a'], start: 'state' })).toEqual(['x2', 'y2']);
  });

  test('`position()` is behind what any node has sent', async () => {
    const [writing, reading] = [node(openLog()), node(openLog())];
    const id = await writing.send('1');
    expect(await reading.position()).toBe(id);
  });

  test('a subscription behind an id gets all that followed, from whatever node, and each once', async () => {
    const writing = node(openLog());
    const first = await writing.send('first');
    await Promise.all(texts(1500).map((text) => writing.to(`room ${text}`).send(text)));
    const seen: string[] = [];
    const listening = node(openLog(), { history: { events: 10 } });
    await new Promise<void>((resolve) => {
      listening.subscribe(({ data }) => void (seen.push(data) === 1501 && resolve()), {
        after: first,
      });
      void writing.send('last');
    });
    expect(seen).toEqual([...texts(1500), 'last']);
  });
}

describeWith(REDIS, 'over Redis', (path) => {
  let server: RedisServer;
  let prefix = '';

  beforeAll(async () => {
    server = redisServer(path);
    await server.start();
  });

  beforeEach(() => {
    prefix = randomUUID();
  });

  const openLog = (options: RedisLogOptions = {}) =>
    redisLog(createClient({ url: server.url }), {
      prefix,
      history: { room: { events: 1000 } },
      ...options,
    });

  sharedReplay(openLog);

  test('a room has what the log has dropped, and only who has lost something has a gap', async () => {
    const history = { events: 100, room: { events: 20 } };
    const writing = node(openLog({ history }));
    const first = await writing.to('quiet').send('first');
    for (const text of texts(15)) await writing.to('quiet').send(text);
    const noisy = await writing.to('noisy').send('first');
    await Promise.all(texts(1500).map((text) => writing.to('noisy').send(text)));
    const read = (room: string, id: string) =>
      receives(node(openLog({ history }), { history: { events: 10 } }), { rooms: [room] }, id);
    expect(await read('quiet', first)).toEqual(texts(15));
    const [gap, ...left] = await read('noisy', noisy);
    expect(gap).toBe('{"reason":"trimmed"}');
    expect(left).toEqual(texts(1500).slice(-left.length));
    expect(left.length).toBeGreaterThanOrEqual(20);
    expect(await read('a room without an event', first)).toEqual([]);
  });

  test('a subscription goes on where it was after an outage', async () => {
    const [writing, listening] = [node(openLog()), node(openLog())];
    const seen: string[] = [];
    let check = () => {};
    listening.subscribe(({ data }) => {
      seen.push(data);
      check();
    });
    const sees = (text: string) =>
      new Promise<void>((resolve) => {
        check = () => seen.includes(text) && resolve();
        check();
      });
    await listening.position();
    await writing.send('before');
    await sees('before');
    await server.kill();
    await server.start();
    for (const text of ['after', 'and more']) {
      while (!(await writing.send(text).catch(() => false)));
    }
    await sees('and more');
    expect([...new Set(seen)]).toEqual(['before', 'after', 'and more']);
  });
});

describeWith(NATS, 'over NATS', (path) => {
  let openLog: (options?: SharedLogOptions) => Log;

  beforeAll(async () => {
    const server = natsServer(path);
    await server.start();
    const connection = await connect({ servers: `127.0.0.1:${server.port}` });
    openLog = (options = {}) => natsLog(jetstream(connection), { prefix, ...options });
  });

  let prefix = '';

  beforeEach(() => {
    prefix = randomUUID();
  });

  sharedReplay(() => openLog());
});
