import { setTimeout as sleep } from 'node:timers/promises';
import { runInThisContext } from 'node:vm';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { createHub, type Hub, type HubOptions, type Log } from '../lib/index.js';
import { natsLog } from '../lib/nats/nats-log.js';
import { type Engine, stopEngines } from './support/engine.js';
import { mostInOneSecond, openNats, openRedis, untilLogIs } from './support/faults.js';
import { Fleet, type LogOpener, type Node } from './support/fleet.js';
import { NATS, natsServer } from './support/nats-server.js';
import { describeWith } from './support/needs.js';
import { stopProxies } from './support/proxy.js';
import { texts } from './support/range.js';
import { connections, REDIS, redisServer } from './support/redis-server.js';
import { serve } from './support/server.js';
import { fetchHead, StreamReader } from './support/stream-client.js';

/** jest hands its tests a copy of `process`, and the copy hears of no unhandled rejection. */
const realProcess = runInThisContext('process') as NodeJS.Process;

/** Sees what a hub asks of its log, and can hold back what comes to the hub. */
class WatchedLog implements Log {
  /** What pages began behind. */
  readonly reads: number[] = [];
  readonly read: NonNullable<Log['read']>;
  caughtUps = 0;
  appending = 0;
  mostAppending = 0;
  #gate = Promise.resolve();
  #open = () => {};

  constructor(readonly log: Log) {
    this.read = (after, limit) => {
      this.reads.push(after);
      return (log.read as NonNullable<Log['read']>)(after, limit);
    };
  }

  follow(follower: Parameters<Log['follow']>[0]): void {
    this.log.follow({
      begin: (epoch, head) => follower.begin(epoch, head),
      entry: (entry) => follower.entry(entry),
      ready: async () => {
        await this.#gate;
        await follower.ready();
      },
      connected: (head) => follower.connected(head),
      disconnected: (reason) => follower.disconnected(reason),
    });
  }

  async append(...args: Parameters<Log['append']>): Promise<Awaited<ReturnType<Log['append']>>> {
    this.mostAppending = Math.max(this.mostAppending, ++this.appending);
    try {
      return await this.log.append(...args);
    } finally {
      this.appending--;
    }
  }

  caughtUp(): Promise<void> {
    this.caughtUps++;
    return (this.log.caughtUp as NonNullable<Log['caughtUp']>)();
  }

  async close(): Promise<void> {
    this.release();
    await this.log.close?.();
  }

  /** The next entries still come, and none after them. */
  hold(): void {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#open();
  }
}

/** Adds what it opens to a list. */
function watched(openLog: LogOpener): [LogOpener, WatchedLog[]] {
  const logs: WatchedLog[] = [];
  const open: LogOpener = async (...args) => {
    const { log, close } = await openLog(...args);
    const watchedLog = new WatchedLog(log);
    logs.push(watchedLog);
    return { log: watchedLog, close };
  };
  return [open, logs];
}

function readAt({ url }: Node, lastEventId?: string): Promise<StreamReader> {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  return StreamReader.open(url, { headers });
}

function nodes(openLog: LogOpener, server: Engine, another: () => Engine): void {
  const fleets: Fleet[] = [];
  const others: Hub[] = [];

  async function open(options: HubOptions = {}, opener = openLog): Promise<Fleet> {
    return openKeeping(10_000, options, opener);
  }

  async function openKeeping(
    events: number,
    options: HubOptions,
    opener = openLog,
  ): Promise<Fleet> {
    const fleet = await Fleet.open(server.port, opener, events, { retry: 100, ...options });
    fleets.push(fleet);
    return fleet;
  }

  afterEach(async () => {
    await Promise.all(fleets.splice(0).map((fleet) => fleet.close()));
    await Promise.all(others.splice(0).map((hub) => hub.close()));
    await stopProxies();
  });

  test('what one node sends reaches the clients of all, in one order, with the same ids', async () => {
    const { a, b, readers } = await open();
    await Promise.all(texts(50).flatMap((n) => [a.hub.send(`a${n}`), b.hub.send(`b${n}`)]));
    await Promise.all(readers.map((reader) => reader.received(100)));
    const [first] = readers as [StreamReader];
    for (const reader of readers) expect(reader.events).toEqual(first.events);
    for (const name of ['a', 'b']) {
      const own = first.data.filter((data) => data.startsWith(name));
      expect(own).toEqual(texts(50).map((n) => `${name}${n}`));
    }
  });

  test('rooms span the nodes', async () => {
    const { a, b } = await open();
    const inRoom = async (node: Node, ...rooms: string[]) => {
      const url = await serve((req, res) => void node.hub.open(req, res, { rooms }));
      return StreamReader.open(url);
    };
    const both = await inRoom(a, 'red', 'blue');
    const blue = await inRoom(b, 'blue');
    await a.hub.to('red').send('for red');
    await b.hub.to('red', 'blue').send('for both');
    await a.hub.to('blue').send('for blue');
    await both.received(3);
    await blue.received(2);
    expect(both.data).toEqual(['for red', 'for both', 'for blue']);
    expect(blue.data).toEqual(['for both', 'for blue']);
  });

  test('a client goes on at another node where it was, also far behind, while events flow', async () => {
    const fleet = await open({ history: { events: 10 } });
    const { a, b } = fleet;
    const first = await a.hub.send('first');
    await Promise.all(texts(700).map((n) => a.hub.send(n)));
    b.resume();
    await b.acknowledges(10);
    const moved = await readAt(b, first);
    await b.acknowledges(10);
    await b.pause();
    await fleet.settled();
    await moved.until(() => moved.data.at(-1) === 'b-last');
    const sent = b.acknowledged.map(({ data }) => data).filter((data) => !/last/.test(data));
    expect(moved.data).toEqual([...texts(700), ...sent, 'a-last', 'b-last']);
    expect(b.hub.stats()).toMatchObject({ gaps: 0, replayed: 1 });
  });

  test('one that reads nothing does not have the log read for it', async () => {
    const [opener, logs] = watched(openLog);
    const { a, b } = await open({ history: { events: 10 } }, opener);
    const [, { reads }] = logs as [WatchedLog, WatchedLog];
    const first = await a.hub.send('first');
    const block = 'x'.repeat(16 * 1024);
    for (let count = 0; count < 40; count++) {
      await Promise.all(texts(20).map((n) => a.hub.send(n + block)));
    }
    await b.hub.flushed();
    const before = b.hub.stats().delivered;
    const stalled = await fetchHead(b.url, { headers: { 'last-event-id': first } });
    const reader = await readAt(b, first);
    await reader.received(800);
    // The other one is parked with a part of its events, and what it lacks is in no memory.
    const delivered = b.hub.stats().delivered - before - 800;
    expect(delivered).toBeLessThan(700);
    // A page holds some eight of these events, and one that was left for a moment is read again.
    expect(reads.length).toBeLessThan((2 * (800 + delivered)) / 8);
    const late = new StreamReader(stalled);
    await late.received(800);
    expect(late.events).toEqual(reader.events);
    expect(b.hub.stats()).toMatchObject({ gaps: 0, evicted: 0 });
  });

  test('a client that was at a node which is ahead waits until this one is there as well', async () => {
    const [opener, logs] = watched(openLog);
    const { a, b } = await open({}, opener);
    const [, log] = logs as [WatchedLog, WatchedLog];
    log.hold();
    await a.hub.send('taken');
    await b.readers[0]?.received(1);
    const ahead = await a.hub.send('ahead');
    let isIn = false;
    const coming = readAt(b, ahead).then((reader) => {
      isIn = true;
      return reader;
    });
    while (log.caughtUps === 0) await sleep(5);
    await a.hub.send('after');
    expect(isIn).toBe(false);
    expect(b.readers[0]?.data).toEqual(['taken']);
    log.release();
    const reader = await coming;
    await b.hub.flushed();
    await reader.received(1);
    expect(reader.data).toEqual(['after']);
    expect(b.hub.stats()).toMatchObject({ gaps: 0, replayed: 1 });
  });

  test('a client that was away gets the newest of each key, whichever node it is from', async () => {
    const { a, b } = await open();
    const first = await a.hub.send('first');
    for (const n of texts(20)) {
      await a.hub.send(`apples ${n}`, { conflate: 'apples' });
      await b.hub.send(`pears ${n}`, { conflate: 'pears' });
    }
    await a.hub.send('plums');
    await b.hub.send('apples from b', { conflate: 'apples' });
    await a.hub.to('red').send('for red', { conflate: 'apples' });
    for (const node of [a, b]) {
      await node.hub.flushed();
      const reader = await readAt(node, first);
      await reader.received(3);
      expect(reader.data).toEqual(['pears 19', 'plums', 'apples from b']);
    }
  });

  test('says how far behind its log it is', async () => {
    const [opener, logs] = watched(openLog);
    const { a, b } = await open({}, opener);
    const [, log] = logs as [WatchedLog, WatchedLog];
    for (const { hub } of [a, b]) expect(hub.stats().log).toEqual({ connected: true, behind: 0 });
    log.hold();
    // It looks from time to time what the log has, and then takes no more than some of it.
    while (b.hub.stats().log.behind === 0) {
      await Promise.all(texts(150).map((n) => a.hub.send(n)));
      log.release();
      log.hold();
    }
    expect(b.hub.stats().log.connected).toBe(true);
    log.release();
    await b.hub.flushed();
    while (b.hub.stats().log.behind > 0) await sleep(5);
    expect(a.hub.stats().log).toEqual({ connected: true, behind: 0 });
    expect(b.hub.stats().accepted).toBe(a.hub.stats().accepted);
  });

  test('a client whose log has trimmed what it lacks is told of a gap', async () => {
    const { a, b } = await openKeeping(50, { history: { events: 10 } });
    const first = await a.hub.send('first');
    await Promise.all(texts(200).map((n) => a.hub.send(n)));
    await b.hub.flushed();
    const back = await readAt(b, first);
    await back.until(() => back.data.at(-1) === '199');
    const [gap, ...rest] = back.events;
    expect(gap).toMatchObject({ type: 'gap', data: '{"reason":"trimmed"}' });
    expect(rest.map(({ data }) => data)).toEqual(texts(200).slice(-rest.length));
    expect(rest.length).toBeGreaterThanOrEqual(50);
  });

  test('a hub with another prefix is another log', async () => {
    const { a, prefix } = await open();
    const { log, close } = await openLog(server.port, `${prefix}-other`, 100);
    const other = createHub({ log });
    others.push(other);
    // What is stored before a hub knows where its log is does not come to it.
    while (!other.stats().log.connected) await sleep(5);
    await other.send('elsewhere');
    await a.hub.send('here');
    await a.readers[0]?.received(1);
    expect(a.readers[0]?.data).toEqual(['here']);
    await other.flushed();
    expect(other.stats().accepted).toBe(1);
    await other.close();
    await close();
  });

  test('a publisher needs no route', async () => {
    const { a, prefix } = await open();
    const { log, close } = await openLog(server.port, prefix, 100);
    const publisher = createHub({ log });
    const id = await publisher.send('from a worker');
    await a.readers[0]?.received(1);
    expect(a.readers[0]?.events[0]).toMatchObject({ id, data: 'from a worker' });
    await publisher.close();
    await close();
  });

  test('`flushed` covers what another node has sent', async () => {
    const { a, b } = await open();
    await Promise.all(texts(100).map((n) => a.hub.send(n)));
    await b.hub.flushed();
    expect(b.hub.stats()).toMatchObject({ accepted: 100, delivered: 300 });
  });

  test('while the log is away, streams stay open, and get heartbeats', async () => {
    const { a } = await open({ keepAlive: 100 });
    const [reader] = a.readers as [StreamReader];
    a.proxy.refuse(true);
    a.proxy.cut();
    await untilLogIs('away', a);
    const before = reader.notices.length;
    await reader.until(({ notices }) => notices.length > before + 2);
    expect(reader.notices.at(-1)).toMatchObject({ type: 'heartbeat', data: '{}' });
    expect(reader.events).toEqual([]);
    expect(a.hub.size).toBe(3);
  });

  test('while the log is away, a send waits, and rejects after `sendTimeout`', async () => {
    const [opener, logs] = watched(openLog);
    const { a } = await open({ sendTimeout: 500, requestQueueSize: 2 }, opener);
    const [log] = logs as [WatchedLog];
    const unhandled = jest.fn();
    realProcess.on('unhandledRejection', unhandled);
    a.proxy.refuse(true);
    a.proxy.cut();
    await untilLogIs('away', a);
    const sends = texts(5).map((n) => a.hub.send(n));
    // Nor does one that nobody awaits end the process.
    for (const n of texts(5)) void a.hub.send(`unawaited ${n}`);
    expect(a.hub.stats().queued).toBe(10);
    for (const send of sends)
      await expect(send).rejects.toMatchObject({ code: 'ERR_SSE_LOG_AWAY' });
    while (a.hub.stats().queued > 0) await sleep(5);
    expect(log.mostAppending).toBe(2);
    a.proxy.refuse(false);
    await untilLogIs('back', a);
    await a.hub.send('again');
    await a.readers[0]?.until(({ events }) => events.at(-1)?.data === 'again');
    expect(a.readers[0]?.data).toEqual(['again']);
    realProcess.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });

  test('`close` rejects the sends that wait for a log which is away', async () => {
    const { a } = await open({ requestQueueSize: 2 });
    a.proxy.refuse(true);
    a.proxy.cut();
    const outcomes = Promise.allSettled(texts(5).map((n) => a.hub.send(n)));
    await a.hub.close({ timeout: 400 });
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'ERR_SSE_CLOSED' } });
    }
    for (const reader of a.readers) await reader.end();
  });

  test('a send that has waited while the log was away is stored once it is back', async () => {
    const { a, b } = await open();
    a.proxy.refuse(true);
    a.proxy.cut();
    await untilLogIs('away', a);
    const sends = texts(30).map((n) => a.hub.send(n));
    a.proxy.refuse(false);
    await Promise.all(sends);
    await b.readers[0]?.received(30);
    expect(b.readers[0]?.data).toEqual(texts(30));
  });

  test.each(['retry', 'status'] as const)(
    'while the log is away, clients with an id are turned away politely, with refuse: %s',
    async (refuse) => {
      const { a } = await open({ refuse });
      const id = await a.hub.send('first');
      await a.hub.flushed();
      a.proxy.refuse(true);
      a.proxy.cut();
      await untilLogIs('away', a);
      const turnedAway = await readAt(a, id);
      await turnedAway.end();
      expect(turnedAway.response.statusCode).toBe(refuse === 'retry' ? 200 : 503);
      expect(turnedAway.text).toMatch(refuse === 'retry' ? /^retry: \d+\n\n$/ : /^$/);
      const { 'content-type': type, 'retry-after': after } = turnedAway.response.headers;
      if (refuse === 'retry') expect(type).toMatch(/^text\/event-stream/);
      else expect(after).toMatch(/^\d+$/);
      const fresh = await readAt(a);
      a.proxy.refuse(false);
      await untilLogIs('back', a);
      const back = await readAt(a, id);
      await a.hub.send('second');
      for (const reader of [fresh, back]) {
        await reader.received(1);
        expect(reader.data).toEqual(['second']);
      }
    },
  );

  test('nobody reconnects in a storm', async () => {
    const { a } = await open({ sendTimeout: 60_000 });
    a.proxy.refuse(true);
    const since = performance.now();
    a.proxy.cut();
    void a.hub.send('waits');
    while (performance.now() < since + 3000) await sleep(50);
    expect(a.proxy.acceptTimes.filter((at) => at > since).length).toBeGreaterThan(2);
    expect(mostInOneSecond(a.proxy, since)).toBeLessThanOrEqual(10);
  });

  test('a hub that was started before its log turns everybody away, until the log is there', async () => {
    const late = another();
    await late.start();
    const start = async (refuse: 'status' | 'retry') => {
      const { log, close } = await openLog(late.port, 'late', 100);
      return { log, close, refuse };
    };
    const opened = [await start('status'), await start('retry')];
    await late.kill();
    const hubs = opened.map(({ log, refuse }) => createHub({ log, refuse }));
    others.push(...hubs);
    const urls = await Promise.all(hubs.map((hub) => serve((req, res) => void hub.open(req, res))));
    const [withStatus, withRetry] = urls as [string, string];
    await Promise.all(
      [{}, { 'last-event-id': 'abc.1' }].map(async (headers) => {
        const [status, retry] = await Promise.all([
          fetchHead(withStatus, { headers }),
          StreamReader.open(withRetry, { headers }),
        ]);
        expect(status.statusCode).toBe(503);
        expect(status.headers['retry-after']).toMatch(/^\d+$/);
        await retry.end();
        expect(retry.response.statusCode).toBe(200);
        expect(retry.text).toMatch(/^retry: \d+\n\n$/);
      }),
    );
    await late.start();
    for (const [index, hub] of hubs.entries()) {
      while (!hub.stats().log.connected) await sleep(10);
      const reader = await StreamReader.open(urls[index] as string);
      await hub.send('at last');
      await reader.received(1);
      expect(reader.data).toEqual(['at last']);
    }
    await Promise.all(hubs.map((hub) => hub.close()));
    await Promise.all(opened.map(({ close }) => close()));
    await late.stop();
  });
}

describeWith(REDIS, 'two nodes that share a log in Redis', (path) => {
  const server = redisServer(path);
  beforeAll(() => server.start());
  afterAll(stopEngines);
  nodes(openRedis, server, () => redisServer(path));

  test('the connections of a hub are closed with it', async () => {
    const before = await connections(server);
    const { log } = await openRedis(server.port, 'closed', 100);
    const hub = createHub({ log });
    await hub.send('x');
    const own = (await connections(server)).filter((id) => !before.includes(id));
    expect(own).toHaveLength(2);
    await hub.close();
    while ((await connections(server)).some((id) => own.includes(id))) await sleep(5);
    await expect(hub.send('y')).rejects.toMatchObject({ code: 'ERR_SSE_CLOSED' });
  });
});

describeWith(NATS, 'two nodes that share a log in NATS', (path) => {
  const server = natsServer(path);
  beforeAll(() => server.start());
  afterAll(stopEngines);
  nodes(openNats, server, () => natsServer(path));

  test('the connection is left open when a hub is closed', async () => {
    const connection = await connect({ servers: server.url });
    const hub = createHub({ log: natsLog(jetstream(connection), { prefix: 'shared' }) });
    await hub.send('x');
    await hub.close();
    expect(connection.isClosed()).toBe(false);
    const next = createHub({ log: natsLog(jetstream(connection), { prefix: 'shared' }) });
    expect(await next.send('y')).toMatch(/\.2$/);
    await next.close();
    await connection.close();
  });
});
