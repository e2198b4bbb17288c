import fc from 'fast-check';
import { EventHub } from '../lib/hub.js';
import { createHub, type HubOptions, sse } from '../lib/index.js';
import { enter } from './support/enter.js';
import { FakeSink, turn } from './support/fake-sink.js';
import { heldBytes } from './support/memory.js';
import { texts } from './support/range.js';
import { serve } from './support/server.js';
import { StreamReader } from './support/stream-client.js';
import { torture } from './support/torture.js';

async function serveHub(options: HubOptions = {}) {
  const hub = createHub(options);
  const url = await serve((req, res) => void hub.open(req, res));
  const back = (id: string) => StreamReader.open(url, { headers: { 'last-event-id': id } });
  return { hub, url, back };
}

function attach(hub: EventHub, lastEventId?: string, rooms: string[] = []): FakeSink {
  const sink = new FakeSink();
  enter(hub, sink, { lastEventId, rooms });
  return sink;
}

describe('a cursor that cannot be honoured is told as a gap, then comes what is left', () => {
  const epochOf = (id: string) => id.split('.')[0] as string;

  test.each<[string, (newest: string) => string, string]>([
    ['of another epoch of the log', () => 'another-epoch.3', '{"reason":"epoch"}'],
    ['ahead of the head', (newest) => `${epochOf(newest)}.99`, '{"reason":"ahead"}'],
    [
      'that was trimmed away',
      (newest) => `${epochOf(newest)}.2`,
      '{"reason":"trimmed","missed":5}',
    ],
  ])('an id %s', async (_what, id, gap) => {
    const { hub, back } = await serveHub({ history: { events: 3 } });
    let newest = '';
    for (const number of texts(10)) newest = await hub.send(number);
    const reader = await back(id(newest));
    await hub.send('live');
    await reader.received(5);
    expect(reader.response.statusCode).toBe(200);
    expect(reader.events[0]).toMatchObject({ type: 'gap', data: gap, id: `${epochOf(newest)}.7` });
    expect(reader.data.slice(1)).toEqual(['7', '8', '9', 'live']);
  });

  test.each<[string, (newest: string) => string, string]>([
    ['of another server altogether', () => '42', '{"reason":"malformed"}'],
    ['of 15 KB', () => 'x'.repeat(15 * 1024), '{"reason":"oversized"}'],
    ['given twice', (newest) => `${newest}, ${newest}`, '{"reason":"malformed"}'],
    ['beyond ASCII', () => Buffer.from('über.1').toString('latin1'), '{"reason":"malformed"}'],
  ])(
    'what is no id of a hub gets the gap, and nothing of the history: one %s',
    async (_what, id, gap) => {
      const { hub, back } = await serveHub({ history: { events: 3 } });
      let newest = '';
      for (const number of texts(10)) newest = await hub.send(number);
      const reader = await back(id(newest));
      await hub.send('live');
      await reader.received(2);
      expect(reader.response.statusCode).toBe(200);
      expect(reader.events[0]).toMatchObject({ type: 'gap', data: gap, id: newest });
      expect(reader.data.slice(1)).toEqual(['live']);
    },
  );

  test('told once: the id of the gap event is a place that can be honoured', async () => {
    const { hub, back } = await serveHub({ history: { events: 3 } });
    for (const number of texts(10)) await hub.send(number);
    const first = await back('another-epoch.3');
    await first.received(1);
    const again = await back(first.events[0]?.id as string);
    await again.received(3);
    expect(again.data).toEqual(['7', '8', '9']);
  });

  test('`gapEvent: false` tells nothing, and goes on with what is left', async () => {
    const { hub, back } = await serveHub({ gapEvent: false });
    await hub.send('left');
    const reader = await back('another-epoch.3');
    await reader.received(1);
    expect(reader.data).toEqual(['left']);
  });
});

test('`?lastEventId=` places the cursor for clients that cannot set headers; the header wins', async () => {
  const { hub, url } = await serveHub();
  const ids = [await hub.send('1'), await hub.send('2'), await hub.send('3')];
  const query = `${url}/?lastEventId=${ids[0]}`;
  const byQuery = await StreamReader.open(query);
  const byHeader = await StreamReader.open(query, { headers: { 'last-event-id': ids[1] } });
  await byQuery.received(2);
  await byHeader.received(1);
  expect(byQuery.data).toEqual(['2', '3']);
  expect(byHeader.data).toEqual(['3']);
});

test.each<[string, (first: string, second: string) => string, object]>([
  ['beside a header that is empty', (_, id) => `?lastEventId=${id}`, { 'last-event-id': '' }],
  ['behind an older one', (first, id) => `?lastEventId=${first}&lastEventId=${id}`, {}],
  ['behind a second question mark', (_, id) => `?room=a?lastEventId=${id}`, {}],
])('`?lastEventId=` counts %s', async (_where, query, headers) => {
  const { hub, url } = await serveHub();
  const [first, second] = [await hub.send('1'), await hub.send('2')];
  await hub.send('3');
  const reader = await StreamReader.open(`${url}/${query(first, second)}`, {
    headers: { ...headers },
  });
  await reader.received(1);
  expect(reader.data).toEqual(['3']);
});

describe('the first event of a stream', () => {
  test('carries its place, the interval of the heartbeats, and whether it was resumed', async () => {
    const { hub, url } = await serveHub({ keepAlive: 20_000 });
    const id = await hub.send('before');
    const fresh = await StreamReader.open(url);
    const back = await StreamReader.open(url, { headers: { 'last-event-id': id } });
    for (const reader of [fresh, back]) {
      await reader.until(({ notices }) => notices.length === 1);
      expect(reader.text).toBe(
        `retry: 3000\nevent: ready\ndata: {"heartbeat":20000,"resumed":${reader === back}}\nid: ${id}\n\n`,
      );
    }
  });

  test('leaves the place to the gap that follows: a client that is cut off between the two sees it again', async () => {
    const { hub, url } = await serveHub();
    const id = await hub.send('before');
    const lost = await StreamReader.open(url, { headers: { 'last-event-id': 'another.1' } });
    await lost.received(2);
    expect(lost.notices).toEqual([
      { id: undefined, type: 'ready', data: '{"heartbeat":15000,"resumed":false}' },
    ]);
    expect(lost.events).toEqual([
      { id: id.replace(/1$/, '0'), type: 'gap', data: '{"reason":"epoch"}' },
      { id, type: 'message', data: 'before' },
    ]);
  });

  test('has the name that `readyEvent` says, for the hub or for one route', async () => {
    const { hub, url } = await serveHub({ readyEvent: 'hello' });
    const named = await StreamReader.open(url);
    await named.received(1);
    expect(named.events[0]?.type).toBe('hello');
    const route = sse({ hub, readyEvent: 'hi' });
    const other = await StreamReader.open(await serve(route));
    await other.received(1);
    expect(other.events[0]?.type).toBe('hi');
  });

  test('is the first of the app, with `readyEvent: false`', async () => {
    const { hub, url } = await serveHub({ readyEvent: false });
    const reader = await StreamReader.open(url);
    const id = await hub.send('first');
    await reader.received(1);
    expect(reader.text).toBe(
      `retry: 3000\nid: ${id.replace(/1$/, '0')}\ndata: first\nid: ${id}\n\n`,
    );
  });
});

describe('10 000 random cursors', () => {
  test('every loss is told, and no gap where nothing was lost', async () => {
    const kinds = { exact: 0, gap: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 30 }),
        fc.array(fc.constantFrom<string>('all', 'a', 'b'), { minLength: 1, maxLength: 60 }),
        fc.array(
          fc.record({
            position: fc.double({ min: 0, max: 1, noNaN: true }),
            otherLife: fc.integer({ min: 0, max: 9 }).map((number) => number === 0),
            rooms: fc.subarray(['a', 'b']),
          }),
          { minLength: 100, maxLength: 100 },
        ),
        async (events, targets, cursors) => {
          const history = { events, room: { events: 0 } };
          const hub = new EventHub({ history, requestQueueSize: 100 });
          const ids: string[] = [];
          for (const [index, target] of targets.entries()) {
            ids.push(await (target === 'all' ? hub : hub.to(target)).send(String(index)));
          }
          await hub.flushed();
          await turn();
          for (const { position, otherLife, rooms } of cursors) {
            const seen = Math.floor(position * (ids.length - 1));
            const id = otherLife ? `another.${seen + 1}` : (ids[seen] as string);
            const sink = attach(hub, id, rooms);
            await hub.flushed();
            const due = targets.flatMap((target, index) =>
              index > seen && (target === 'all' || rooms.includes(target)) ? [String(index)] : [],
            );
            const got = sink.data.filter((data) => !data.startsWith('{'));
            const told = sink.text.includes('event: gap');
            if (otherLife) {
              expect(told).toBe(true);
              continue;
            }
            kinds[told ? 'gap' : 'exact']++;
            expect(told).toBe(got.length < due.length);
            expect(got).toEqual(due.slice(due.length - got.length));
          }
        },
      ),
      { numRuns: 100 },
    );
    expect(kinds.exact).toBeGreaterThan(500);
    expect(kinds.gap).toBeGreaterThan(500);
  });
});

describe('the history', () => {
  test('keeps within its bytes: 50 000 events of 1 KiB', async () => {
    const hub = createHub({ requestQueueSize: 100 });
    const data = 'x'.repeat(1024);
    const before = heldBytes();
    for (let count = 0; count < 50_000; count++) await hub.send(data);
    // The default is 16 MiB; the objects around them and the collector's leftovers have room.
    expect(heldBytes() - before).toBeLessThan(32 * 1024 * 1024);
    await hub.send('the hub is still in use');
  });

  test('`false` keeps nothing for clients that come back', async () => {
    const { hub, back } = await serveHub({ history: false });
    const id = await hub.send('1');
    await hub.send('2');
    await turn();
    const reader = await back(id);
    await reader.received(1);
    expect(reader.events[0]).toMatchObject({
      type: 'gap',
      data: '{"reason":"trimmed","missed":1}',
    });
  });

  test('`age` drops what is too old, also while nothing new comes', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      const hub = new EventHub({ history: { age: 1000 } });
      const first = await hub.send('old');
      await turn();
      jest.advanceTimersByTime(600);
      await hub.send('newer');
      await turn();
      jest.advanceTimersByTime(500);
      const sink = attach(hub, first.replace(/1$/, '0'));
      await hub.flushed();
      expect(sink.data).toEqual(['{"reason":"trimmed","missed":1}', 'newer']);
      jest.advanceTimersByTime(1100);
      const late = attach(hub, first);
      expect(late.data).toEqual(['{"reason":"trimmed","missed":1}']);
    } finally {
      jest.useRealTimers();
    }
  });

  test('`age` holds also while a client takes nothing for ever', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      const hub = new EventHub({ history: { age: 1000 }, slowClient: 'skip', sendTimeout: 500 });
      const stalled = attach(hub);
      stalled.open = false;
      const first = await hub.send('old');
      await turn();
      jest.advanceTimersByTime(1100);
      const back = attach(hub, first.replace(/1$/, '0'));
      expect(back.data).toEqual(['{"reason":"trimmed","missed":1}']);
    } finally {
      jest.useRealTimers();
    }
  });
});

test('nothing is lost, doubled or reordered while connections are cut all the time', async () => {
  const report = await torture({
    clients: 40,
    events: 200,
    resets: 80,
    eventsPerSecond: 50,
    resetsPerSecond: 20,
  });
  expect(report.reconnects).toBeGreaterThan(0);
  expect(report.faults).toEqual([]);
});
