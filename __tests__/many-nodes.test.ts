import { setTimeout as sleep } from 'node:timers/promises';
import { createHub, type Hub, type HubOptions } from '../lib/index.js';
import { stopEngines } from './support/engine.js';
import { openNats, openRedis, untilLogIs } from './support/faults.js';
import { Fleet, type LogOpener, Node } from './support/fleet.js';
import { NATS, natsServer } from './support/nats-server.js';
import { describeWith } from './support/needs.js';
import { stopProxies } from './support/proxy.js';
import { REDIS, redisServer } from './support/redis-server.js';
import { serve } from './support/server.js';
import { fetchHead, openStalled, StreamReader } from './support/stream-client.js';

const range = (count: number) => Array.from({ length: count }, (_, index) => String(index));

function readAt({ url }: Node, lastEventId?: string): Promise<StreamReader> {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  return StreamReader.open(url, { headers });
}

/** More than ten attempts within a second of each other are a storm. */
function mostInOneSecond(times: readonly number[]): number {
  return Math.max(
    ...times.map((start) => times.filter((at) => at >= start && at < start + 1000).length),
  );
}

function nodes(openLog: LogOpener, port: () => number): void {
  let fleet: Fleet;
  const others: Hub[] = [];

  async function open(options: HubOptions = {}): Promise<Fleet> {
    fleet = await Fleet.open(port(), openLog, 10_000, { retry: 100, ...options });
    return fleet;
  }

  afterEach(async () => {
    await fleet.close();
    await Promise.all(others.splice(0).map((hub) => hub.close()));
    await stopProxies();
  });

  test('what one node sends reaches the clients of all, in one order, with the same ids', async () => {
    const { a, b, readers } = await open();
    await Promise.all(range(50).flatMap((n) => [a.hub.send(`a${n}`), b.hub.send(`b${n}`)]));
    await Promise.all(readers.map((reader) => reader.received(100)));
    const [first] = readers as [StreamReader];
    for (const reader of readers) expect(reader.events).toEqual(first.events);
    for (const name of ['a', 'b']) {
      const own = first.data.filter((data) => data.startsWith(name));
      expect(own).toEqual(range(50).map((n) => `${name}${n}`));
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
    const { a, b } = await open({ history: { events: 10 } });
    const first = await a.hub.send('first');
    await Promise.all(range(700).map((n) => a.hub.send(n)));
    b.resume();
    await b.acknowledges(10);
    const moved = await readAt(b, first);
    await b.acknowledges(10);
    await b.pause();
    await fleet.settled();
    await moved.until(() => moved.data.at(-1) === 'b-last');
    const sent = b.acknowledged.map(({ data }) => data).filter((data) => !/last/.test(data));
    expect(moved.data).toEqual([...range(700), ...sent, 'a-last', 'b-last']);
    expect(b.hub.stats()).toMatchObject({ gaps: 0, replayed: 1 });
  });

  test('one that reads nothing does not have the log read for it', async () => {
    const { a, b } = await open({ history: { events: 10 } });
    const first = await a.hub.send('first');
    const block = 'x'.repeat(16 * 1024);
    for (let count = 0; count < 40; count++) {
      await Promise.all(range(20).map((n) => a.hub.send(n + block)));
    }
    await b.hub.flushed();
    const stalled = await openStalled(`${b.url}/?lastEventId=${first}`);
    const reader = await readAt(b, first);
    await reader.received(800);
    // The other one is parked with a few of its events, and what it lacks is in no memory.
    expect(b.hub.stats().delivered).toBeLessThan(2400 + 800 + 800);
    await a.hub.send('the end');
    let text = '';
    stalled.setEncoding('latin1').on('data', (chunk) => {
      text = text.slice(-100) + chunk;
    });
    stalled.resume();
    while (!text.includes('the end')) await sleep(5);
  });

  test('a client whose log has trimmed what it lacks is told of a gap', async () => {
    fleet = await Fleet.open(port(), openLog, 50, { history: { events: 10 } });
    const { a, b } = fleet;
    const first = await a.hub.send('first');
    await Promise.all(range(200).map((n) => a.hub.send(n)));
    await b.hub.flushed();
    const back = await readAt(b, first);
    await back.until(() => back.data.at(-1) === '199');
    const [gap, ...rest] = back.events;
    expect(gap).toMatchObject({ type: 'gap', data: '{"reason":"trimmed"}' });
    expect(rest.map(({ data }) => data)).toEqual(range(200).slice(-rest.length));
    expect(rest.length).toBeGreaterThanOrEqual(50);
  });

  test('a hub with another prefix is another log', async () => {
    const { a } = await open();
    const { log, close } = await openLog(port(), `${fleet.prefix}-other`, 100);
    const other = createHub({ log });
    others.push(other);
    await other.send('elsewhere');
    await a.hub.send('here');
    await a.readers[0]?.received(1);
    expect(a.readers[0]?.data).toEqual(['here']);
    await other.close();
    await close();
  });

  test('a publisher needs no route', async () => {
    const { a } = await open();
    const { log, close } = await openLog(port(), fleet.prefix, 100);
    const publisher = createHub({ log });
    const id = await publisher.send('from a worker');
    await a.readers[0]?.received(1);
    expect(a.readers[0]?.events[0]).toMatchObject({ id, data: 'from a worker' });
    await publisher.close();
    await close();
  });

  test('`flushed` covers what another node has sent', async () => {
    const { a, b } = await open();
    await Promise.all(range(100).map((n) => a.hub.send(n)));
    await b.hub.flushed();
    expect(b.hub.stats()).toMatchObject({ accepted: 100, delivered: 300 });
  });

  test('while the log is away, streams stay open, and get heartbeats', async () => {
    const { a } = await open({ keepAlive: 100 });
    const [reader] = a.readers as [StreamReader];
    a.proxy.refuse(true);
    a.proxy.cut();
    await untilLogIs('away', a);
    const { length } = reader.text;
    await reader.until(({ text }) => text.length > length + 50);
    expect(reader.text.slice(length)).toMatch(/^(id: \S+\n\n)+$/);
    expect(a.hub.size).toBe(3);
  });

  test('while the log is away, a send waits, and rejects after `sendTimeout`', async () => {
    const { a } = await open({ sendTimeout: 500, requestQueueSize: 2 });
    a.proxy.refuse(true);
    a.proxy.cut();
    await untilLogIs('away', a);
    const sends = range(5).map((n) => a.hub.send(n));
    expect(a.hub.stats().queued).toBe(5);
    for (const send of sends)
      await expect(send).rejects.toMatchObject({ code: 'ERR_SSE_LOG_AWAY' });
    a.proxy.refuse(false);
    await untilLogIs('back', a);
    await a.hub.send('again');
    await a.readers[0]?.until(({ events }) => events.at(-1)?.data === 'again');
    expect(a.readers[0]?.data).toEqual(['again']);
  });

  test('a send that has waited while the log was away is stored once it is back', async () => {
    const { a, b } = await open();
    a.proxy.refuse(true);
    a.proxy.cut();
    await untilLogIs('away', a);
    const sends = range(30).map((n) => a.hub.send(n));
    a.proxy.refuse(false);
    await Promise.all(sends);
    await b.readers[0]?.received(30);
    expect(b.readers[0]?.data).toEqual(range(30));
  });

  test.each(['retry', 'status'] as const)(
    'while the log is away, clients with an id are turned away politely, with refuse: %s',
    async (refuse) => {
      const { a } = await open({ refuse });
      const id = await a.hub.send('first');
      await a.readers[0]?.received(1);
      a.proxy.refuse(true);
      a.proxy.cut();
      await untilLogIs('away', a);
      const turnedAway = await readAt(a, id);
      await turnedAway.end();
      expect(turnedAway.response.statusCode).toBe(refuse === 'retry' ? 200 : 503);
      expect(turnedAway.text).toMatch(refuse === 'retry' ? /^retry: \d+\n\n$/ : /^$/);
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
    const attempts = () => a.proxy.acceptTimes.filter((at) => at > since);
    while (performance.now() < since + 3000) await sleep(50);
    expect(attempts().length).toBeGreaterThan(2);
    expect(mostInOneSecond(attempts())).toBeLessThanOrEqual(10);
  });
}

describeWith(REDIS, 'two nodes that share a log in Redis', (path) => {
  const server = redisServer(path);
  beforeAll(() => server.start());
  afterAll(stopEngines);
  nodes(openRedis, () => server.port);

  test('a hub that was started before its log turns everybody away, until the log is there', async () => {
    const late = redisServer(path);
    await late.start();
    await late.kill();
    const { log, close } = await openRedis(late.port, 'late', 100);
    const hub = createHub({ log, refuse: 'status' });
    const url = await serve((req, res) => void hub.open(req, res));
    const node = new Node('late', hub, url, undefined as never, close);
    await untilLogIs('away', node);
    while ((await fetchHead(url)).statusCode !== 503) await sleep(10);
    await late.start();
    await untilLogIs('back', node);
    const reader = await StreamReader.open(url);
    await hub.send('at last');
    await reader.received(1);
    expect(reader.data).toEqual(['at last']);
    await hub.close();
    await close();
  });

  test('the connections of a hub are closed with it', async () => {
    const clients = async () => String(await server.command('CLIENT', 'LIST')).split('\n').length;
    const before = await clients();
    const { log } = await openRedis(server.port, 'closed', 100);
    const hub = createHub({ log });
    await hub.send('x');
    expect(await clients()).toBe(before + 2);
    await hub.close();
    while ((await clients()) > before) await sleep(5);
    await expect(hub.send('y')).rejects.toMatchObject({ code: 'ERR_SSE_CLOSED' });
  });
});

describeWith(NATS, 'two nodes that share a log in NATS', (path) => {
  const server = natsServer(path);
  beforeAll(() => server.start());
  afterAll(stopEngines);
  nodes(openNats, () => server.port);
});
