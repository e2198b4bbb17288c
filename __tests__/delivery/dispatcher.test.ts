import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { EventHub } from '../../lib/hub.js';
import { type Client, type HubOptions, sse } from '../../lib/index.js';
import { enter } from '../support/enter.js';
import { FakeSink, turn } from '../support/fake-sink.js';
import { texts } from '../support/range.js';
import { gone, serve, transports } from '../support/server.js';
import { openStalled, type Received, StreamReader } from '../support/stream-client.js';

/** More than a socket's buffers on both sides of loopback take. */
const FLOOD = 300;
const block = 'x'.repeat(64 * 1024);

function attach(hub: EventHub, count = 1): FakeSink[] {
  return Array.from({ length: count }, () => {
    const sink = new FakeSink();
    enter(hub, sink);
    return sink;
  });
}

/** Lets the event loop go round until the condition holds. */
async function untilTurn(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 100_000) throw new Error('it does not come about');
    await turn();
  }
}

describe('turns', () => {
  test('no more than `concurrency` responses are written in one turn of the event loop', async () => {
    const hub = new EventHub({ concurrency: 3 });
    const sinks = attach(hub, 20);
    let inThisTurn = 0;
    let most = 0;
    for (const sink of sinks) {
      sink.onWrite = () => {
        most = Math.max(most, ++inThisTurn);
      };
    }
    for (const number of texts(5)) void hub.send(number);
    await untilTurn(() => {
      inThisTurn = 0;
      return sinks.every((sink) => sink.data.length === 5);
    });
    expect(most).toBe(3);
  });

  test('a turn in which writing takes long ends before `concurrency` responses are written', async () => {
    const hub = new EventHub({ concurrency: Infinity });
    const sinks = attach(hub, 5);
    let time = 0;
    const clock = jest.spyOn(performance, 'now').mockImplementation(() => time);
    let inThisTurn = 0;
    let most = 0;
    for (const sink of sinks) {
      sink.onWrite = () => {
        time++;
        most = Math.max(most, ++inThisTurn);
      };
    }
    try {
      void hub.send('one');
      await untilTurn(() => {
        inThisTurn = 0;
        return sinks.every((sink) => sink.data.length === 1);
      });
    } finally {
      clock.mockRestore();
    }
    expect(most).toBe(1);
  });

  test('events that come within one turn go out in one write', async () => {
    const hub = new EventHub({});
    const [sink] = attach(hub) as [FakeSink];
    let writes = 0;
    sink.onWrite = () => writes++;
    for (const number of texts(8)) void hub.send(number);
    await untilTurn(() => sink.data.length === 8);
    expect(writes).toBe(1);
  });

  test('clients that lack the same events are written the very same bytes', async () => {
    const hub = new EventHub({});
    const written = new Set<Buffer>();
    const sinks = attach(hub, 5);
    for (const sink of sinks) sink.onWrite = ({ bytes }) => written.add(bytes);
    for (const number of texts(8)) void hub.send(number);
    await untilTurn(() => sinks.every((sink) => sink.data.length === 8));
    expect(written.size).toBe(1);
  });

  test('one write is 64 KiB at most: smaller events are joined, larger ones come in parts', async () => {
    const hub = new EventHub({});
    const [sink] = attach(hub) as [FakeSink];
    const sizes: number[] = [];
    sink.onWrite = ({ bytes }) => sizes.push(bytes.length);
    for (const size of [30_000, 30_000, 30_000, 100_000, 10]) void hub.send('x'.repeat(size));
    await untilTurn(() => sink.data.length === 5);
    expect(sizes.map((size) => Math.floor(size / 10_000))).toEqual([6, 3, 6, 3, 0]);
  });

  test('whatever the peers take and when, each gets all events in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }), {
          minLength: 1,
          maxLength: 8,
        }),
        fc.integer({ min: 1, max: 5 }),
        fc.array(fc.integer({ min: 0, max: 40_000 }), { minLength: 1, maxLength: 40 }),
        async (answers, concurrency, sizes) => {
          const hub = new EventHub({ concurrency });
          const sinks = attach(hub, answers.length);
          sinks.forEach((sink, client) => {
            let writes = 0;
            sink.onWrite = () => {
              const own = answers[client] as boolean[];
              sink.open = own[writes++ % own.length] as boolean;
              if (!sink.open) setImmediate(() => sink.drain());
            };
          });
          const sent = sizes.map((size, index) => `${index} ${'x'.repeat(size)}`);
          await Promise.all(sent.map((data) => hub.send(data)));
          await untilTurn(() => sinks.every((sink) => sink.data.length >= sent.length));
          for (const sink of sinks) expect(sink.data).toEqual(sent);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('a sender', () => {
  test('waits until each client that takes any was offered its event, and for no other', async () => {
    const hub = new EventHub({ requestQueueSize: 1, concurrency: 1 });
    const [parked, ...ready] = attach(hub, 4) as [FakeSink, ...FakeSink[]];
    parked.open = false;
    await hub.send('first');
    await hub.send('second');
    expect(ready.map((sink) => sink.data)).toEqual(texts(3).map(() => ['first']));
    await hub.send('third');
    expect(ready.map((sink) => sink.data)).toEqual(texts(3).map(() => ['first', 'second']));
    expect(parked.data).toEqual(['first']);
  });
});

describe.each(transports)('a client that takes everything, %s', (_name, through) => {
  test.each([
    [8, 3000],
    [64, 200],
  ])('gets everything, also of %i KiB events as fast as the sender is let', async (size, count) => {
    const stream = sse({ clientQueueBytes: Infinity });
    const reader = await StreamReader.open(await serve(through(stream)));
    const data = 'x'.repeat(size * 1024);
    for (const number of texts(count)) await stream.hub.send(number + data);
    await reader.received(count);
    expect(reader.data.map((text) => Number.parseInt(text, 10))).toEqual(texts(count).map(Number));
  });
});

test('a peer that takes everything is never outrun, whatever the size of the events', async () => {
  const hub = new EventHub({ history: false, clientQueueSize: 1, clientQueueBytes: 1 });
  const [sink] = attach(hub) as [FakeSink];
  for (const number of texts(1000)) await hub.send(number + 'x'.repeat(8 * 1024));
  await untilTurn(() => sink.data.length === 1000);
  expect(sink.data.map((text) => Number.parseInt(text, 10))).toEqual(texts(1000).map(Number));
});

describe.each(transports)('clients that never read, %s', (_name, through) => {
  test('with concurrency 2 and three of them, a fourth gets every event at once', async () => {
    const stream = sse({ concurrency: 2, clientQueueSize: 10_000, clientQueueBytes: Infinity });
    const url = await serve(through(stream));
    for (let count = 0; count < 3; count++) await openStalled(url);
    const reader = await StreamReader.open(url);
    for (const number of texts(FLOOD)) {
      await stream.hub.send(number + block);
      // At once: it is here before the next one is sent.
      await reader.received(Number(number) + 1);
    }
    expect(stream.hub.size).toBe(4);
    expect(reader.data.map((data) => Number.parseInt(data, 10))).toEqual(texts(FLOOD).map(Number));
  });

  test('after `sendTimeout` one is cut off, gets the rest when it is back, and nobody else notices', async () => {
    const lines: string[] = [];
    const stream = sse({
      sendTimeout: 200,
      clientQueueSize: Infinity,
      clientQueueBytes: Infinity,
      history: { bytes: 64 * 1024 * 1024 },
      logger: { info: () => {}, warn: (line) => lines.push(line) },
    });
    const url = await serve(through(stream));
    const stalled = await openStalled(url);
    const [client] = stream.hub.clients.values();
    const gone = new Promise((resolve) => client?.signal.addEventListener('abort', resolve));
    const reader = await StreamReader.open(url);
    for (const number of texts(FLOOD)) await stream.hub.send(number + block);
    await gone;
    expect(stream.hub.size).toBe(1);
    expect(lines).toEqual([`connection lost: client ${client?.id}, it was blocked for 200 ms`]);
    await reader.received(FLOOD);

    const text = await readToEnd(stalled);
    const ids = [...text.matchAll(/^id: (.*)$/gm)].map((match) => match[1] as string);
    // The last block may be cut short: an event counts when its empty line is there.
    const last = text.lastIndexOf('\n\n') > text.lastIndexOf('id: ') ? ids.at(-1) : ids.at(-2);
    const returned = await StreamReader.open(url, { headers: { 'last-event-id': last as string } });
    const had = Number((last as string).split('.')[1]);
    expect(had).toBeLessThan(FLOOD);
    await returned.received(FLOOD - had);
    expect(returned.data.map((data) => Number.parseInt(data, 10))).toEqual(
      texts(FLOOD).slice(had).map(Number),
    );
  });

  test('one that is cut off is reset: the kernel forgets what it had taken for it', async () => {
    let socket: Socket | undefined;
    let taken = 0;
    const stream = sse({
      sendTimeout: 100,
      clientQueueSize: Infinity,
      clientQueueBytes: Infinity,
      logger: {
        info: () => {},
        warn: () => {
          taken = socket ? socket.bytesWritten - socket.writableLength : 0;
        },
      },
    });
    const server = createServer(through(stream)).on('connection', (connection) => {
      socket = connection;
    });
    const stalled = await openStalled(await serve(server));
    const [client] = stream.hub.clients.values();
    for (const number of texts(FLOOD)) await stream.hub.send(number + block);
    await gone(client as Client);
    stalled.resume();
    // (`once` would reject with the error.)
    const hadError = await new Promise((resolve) => stalled.once('close', resolve));
    // Not every kernel tells the peer so.
    expect(hadError || stalled.bytesRead < taken).toBe(true);
  });

  test.each<[string, HubOptions, string]>([
    ['events', { clientQueueSize: 20, clientQueueBytes: Infinity }, 'more than 20 events'],
    ['bytes', { clientQueueBytes: 1_000_000 }, 'more than 1000000 bytes'],
  ])('one that lags beyond its bound of %s is cut off', async (_bound, options, why) => {
    const lines: string[] = [];
    const stream = sse({
      ...options,
      logger: { info: () => {}, warn: (line) => lines.push(line) },
    });
    const url = await serve(through(stream));
    await openStalled(url);
    const [client] = stream.hub.clients.values();
    const reader = await StreamReader.open(url);
    for (const number of texts(FLOOD)) {
      await stream.hub.send(number + block);
      await reader.received(Number(number) + 1);
    }
    expect(client?.signal.aborted).toBe(true);
    expect(stream.hub.size).toBe(1);
    expect(lines).toEqual([`connection lost: client ${client?.id}, ${why} wait for it`]);
  });

  test("with 'skip' one stays, its events are dropped, and it is told of the gap once it reads", async () => {
    const lines: string[] = [];
    const stream = sse({
      slowClient: 'skip',
      clientQueueSize: 20,
      clientQueueBytes: Infinity,
      logger: { info: () => {}, warn: (line) => lines.push(line) },
    });
    const url = await serve(through(stream));
    const reader = await StreamReader.open(url);
    const slow = await StreamReader.open(url);
    slow.response.pause();
    for (const number of texts(FLOOD)) {
      await stream.hub.send(number + block);
      await reader.received(Number(number) + 1);
    }
    expect(stream.hub.size).toBe(2);
    expect(lines[0]).toMatch(
      /^message dropped: \d+ for client .*, more than 20 events wait for it$/,
    );
    slow.response.resume();
    await slow.until(() => slow.events.some((event) => event.type === 'gap'));
    await stream.hub.send('last');
    await slow.until(() => slow.data.at(-1) === 'last');
    expect(unaccounted(slow.events)).toEqual([]);
  });
});

/** Checks that each event is either here or told as missed; lists what is neither. */
function unaccounted(events: readonly Received[]): string[] {
  const problems: string[] = [];
  let cursor = 0;
  for (const { type, id, data } of events) {
    const sequence = Number(id?.split('.')[1]);
    const step = type === 'gap' ? (JSON.parse(data) as { missed: number }).missed : 1;
    if (sequence !== cursor + step) problems.push(`${type} ${id} after ${cursor}, step ${step}`);
    cursor = sequence;
  }
  return problems;
}

function readToEnd(socket: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    socket.on('data', (part) => parts.push(part as Buffer));
    socket.on('close', () => resolve(Buffer.concat(parts).toString()));
    socket.resume();
  });
}

describe('a parked client', () => {
  test('that closes is gone, and its drain afterwards brings nothing back', async () => {
    const hub = new EventHub({});
    const [sink, other] = attach(hub, 2) as [FakeSink, FakeSink];
    sink.open = false;
    await hub.send('first');
    await untilTurn(() => other.data.length === 1);
    sink.owner.closed();
    expect(hub.size).toBe(1);
    sink.drain();
    await hub.send('second');
    await untilTurn(() => other.data.length === 2);
    expect(sink.data).toEqual(['first']);
  });

  test('that is told to leave is ended when it has drained', async () => {
    const hub = new EventHub({});
    const [sink] = attach(hub) as [FakeSink];
    sink.open = false;
    await hub.send('first');
    await untilTurn(() => sink.data.length === 1);
    await hub.send('second');
    hub.leaveAll();
    await turn();
    expect(sink.ended).toBe(false);
    sink.drain();
    await untilTurn(() => sink.ended);
    expect(sink.data).toEqual(['first', 'second']);
  });

  test('what it lacks is kept for it, also where no history is', async () => {
    const hub = new EventHub({ history: false });
    const [sink, other] = attach(hub, 2) as [FakeSink, FakeSink];
    sink.open = false;
    for (const number of texts(100)) await hub.send(number);
    await untilTurn(() => other.data.length === 100);
    sink.drain();
    await untilTurn(() => sink.data.length === 100);
    expect(sink.data).toEqual(texts(100));
    expect(sink.text).not.toContain('gap');
  });
});

describe('a parked client that has stopped reading', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  test('one event alone never goes beyond its bound of bytes', async () => {
    const hub = new EventHub({ clientQueueBytes: 10 });
    const [sink] = attach(hub) as [FakeSink];
    sink.open = false;
    await hub.send('first');
    await untilTurn(() => sink.data.length === 1);
    jest.advanceTimersByTime(1000);
    await hub.send('x'.repeat(1000));
    expect(hub.size).toBe(1);
    await hub.send('y');
    expect(hub.size).toBe(0);
    expect(sink.destroyed).toBe(true);
  });

  test("with 'skip' it gets the rest of the event it has begun, and then the gap", async () => {
    const hub = new EventHub({ slowClient: 'skip', clientQueueSize: 2 });
    const [sink] = attach(hub) as [FakeSink];
    const data = 'x'.repeat(100_000);
    sink.open = false;
    await hub.send(data);
    await turn();
    jest.advanceTimersByTime(1000);
    for (const number of texts(3)) await hub.send(number);
    sink.drain();
    await hub.flushed();
    expect(sink.data).toEqual([data, '{"reason":"slow","missed":3}']);
  });
});

test('a process that stood still for longer than `sendTimeout` evicts nobody for it', async () => {
  const hub = new EventHub({ sendTimeout: 400, keepAlive: false });
  const [sink] = attach(hub) as [FakeSink];
  sink.open = false;
  await hub.send('x');
  await untilTurn(() => sink.data.length === 1);
  const end = performance.now() + 1000;
  while (performance.now() < end);
  // Whatever was due meanwhile has happened then.
  await new Promise((resolve) => setTimeout(resolve, 1));
  expect(sink.destroyed).toBe(false);
  sink.drain();
});

describe('a reader that keeps emptying its buffer', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** One client that is blocked, and the sends that come through meanwhile, of twenty. */
  async function blockedFor(ms: number) {
    const hub = new EventHub({ requestQueueSize: 3, clientQueueSize: 5 });
    const [sink] = attach(hub) as [FakeSink];
    sink.open = false;
    await hub.send('first');
    await untilTurn(() => sink.data.length === 1);
    let through = 0;
    const sends = texts(20).map((number) => hub.send(number).then(() => through++));
    for (let turns = 0; turns < 20; turns++) await turn();
    jest.advanceTimersByTime(ms);
    for (let turns = 0; turns < 20; turns++) await turn();
    return { hub, sink, sends, through: () => through };
  }

  test('paces the senders: no more is accepted than the publish queue has slots', async () => {
    const { hub, sink, sends, through } = await blockedFor(900);
    expect(through()).toBe(3);
    sink.drain();
    await Promise.all(sends);
    await hub.flushed();
    expect(sink.data).toEqual(['first', ...texts(20)]);
    expect(hub.stats()).toMatchObject({ evicted: 0, gaps: 0 });
  });

  test('and one that has stopped is not waited for: it is evicted by its bounds, and the sends go on', async () => {
    const { hub, sink, sends } = await blockedFor(1100);
    await Promise.all(sends);
    expect(sink.destroyed).toBe(true);
    expect(hub.stats()).toMatchObject({ evicted: 1 });
  });

  test.each([
    ['is waited for as long as it takes 4 MB a second', 64 * 1024, false],
    ['and one that takes less is not, for long', 1024, true],
  ])('%s', async (_what, size, isPassed) => {
    const hub = new EventHub({ requestQueueSize: 1, clientQueueSize: 5 });
    const [sink] = attach(hub) as [FakeSink];
    sink.open = false;
    let through = 0;
    const sends = texts(400).map(() => hub.send('x'.repeat(size)).then(() => through++));
    await untilTurn(() => sink.data.length === 1);
    // Blocked for a tick after each three events: far longer than the grace, all in all.
    for (let round = 0; round < 60; round++) {
      jest.advanceTimersByTime(25);
      for (const open of [true, true, false]) {
        sink.open = open;
        sink.owner.drained();
        for (let turns = 0; turns < 3; turns++) await turn();
      }
    }
    for (let turns = 0; turns < 300; turns++) await turn();
    expect(through === 400).toBe(isPassed);
    if (!isPassed) expect(through).toBeLessThanOrEqual(sink.data.length + 1);
    sink.drain();
    await Promise.all(sends);
  });
});

describe('timers', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const heartbeats = (sink: FakeSink) => [...sink.text.matchAll(/^event: heartbeat$/gm)].length;

  test('a client that was quiet for `keepAlive` has got a heartbeat that carries the head', async () => {
    const hub = new EventHub({ keepAlive: 1000 });
    const [sink] = attach(hub) as [FakeSink];
    const id = await hub.send('x');
    await untilTurn(() => sink.data.length === 1);
    jest.advanceTimersByTime(937);
    await turn();
    expect(heartbeats(sink)).toBe(0);
    jest.advanceTimersByTime(63);
    await untilTurn(() => heartbeats(sink) === 1);
    expect(sink.text.endsWith(`\n\nevent: heartbeat\ndata: {}\nid: ${id}\n\n`)).toBe(true);
    for (let second = 2; second <= 5; second++) {
      jest.advanceTimersByTime(1000);
      await untilTurn(() => heartbeats(sink) >= second);
    }
    expect(heartbeats(sink)).toBe(5);
  });

  test('`heartbeatEvent` names it, and `false` makes it a line that no client dispatches', async () => {
    const named = new EventHub({ keepAlive: 1000, heartbeatEvent: 'pulse' });
    const [beats] = attach(named) as [FakeSink];
    const silent = new EventHub({ keepAlive: 1000, heartbeatEvent: false });
    const [lines] = attach(silent) as [FakeSink];
    const { length } = lines.text;
    expect(lines.text).toContain('data: {"heartbeat":false,"resumed":false}\n');
    jest.advanceTimersByTime(1000);
    await untilTurn(() => lines.text.length > length);
    expect(beats.text).toContain('event: pulse\ndata: {}\nid: ');
    expect(lines.text.slice(length)).toBe(':\n');
  });

  test('a client that is written to gets none', async () => {
    const hub = new EventHub({ keepAlive: 1000 });
    const [sink] = attach(hub) as [FakeSink];
    for (let number = 1; number <= 20; number++) {
      await hub.send(number);
      await untilTurn(() => sink.data.length === number);
      jest.advanceTimersByTime(500);
      await turn();
    }
    expect(heartbeats(sink)).toBe(0);
  });

  test('a parked client gets none: it would only wait behind what is stuck', async () => {
    const hub = new EventHub({ keepAlive: 1000, sendTimeout: 60_000 });
    const [sink] = attach(hub) as [FakeSink];
    sink.open = false;
    await hub.send('x');
    await untilTurn(() => sink.data.length === 1);
    jest.advanceTimersByTime(10_000);
    await turn();
    expect(heartbeats(sink)).toBe(0);
  });

  test('`keepAlive: false` sends none, and starts no timer', async () => {
    const hub = new EventHub({ keepAlive: false });
    attach(hub);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('there is one timer for all clients, and none when the last has left', async () => {
    const hub = new EventHub({ keepAlive: 1000 });
    const sinks = attach(hub, 100);
    expect(jest.getTimerCount()).toBe(1);
    for (const sink of sinks) sink.owner.closed();
    jest.advanceTimersByTime(1000);
    expect(jest.getTimerCount()).toBe(0);
    attach(hub);
    expect(jest.getTimerCount()).toBe(1);
  });

  test('each of many parked clients has its own `sendTimeout`, under the same two timers', async () => {
    const hub = new EventHub({ keepAlive: false, sendTimeout: 1000 });
    const [early, late] = attach(hub, 2) as [FakeSink, FakeSink];
    early.open = false;
    await hub.send('x');
    await untilTurn(() => late.data.length === 1);
    jest.advanceTimersByTime(600);
    late.open = false;
    await hub.send('y');
    await untilTurn(() => late.data.length === 2);
    expect(jest.getTimerCount()).toBe(2);
    jest.advanceTimersByTime(399);
    expect(early.destroyed).toBe(false);
    jest.advanceTimersByTime(1);
    expect([early.destroyed, late.destroyed]).toEqual([true, false]);
    jest.advanceTimersByTime(599);
    expect(late.destroyed).toBe(false);
    jest.advanceTimersByTime(1);
    expect(late.destroyed).toBe(true);
    jest.advanceTimersByTime(25);
    expect(jest.getTimerCount()).toBe(0);
  });

  test("with 'skip' what is for one client alone waits for it: only the log's events are dropped", async () => {
    const hub = new EventHub({ slowClient: 'skip', sendTimeout: 1000, keepAlive: false });
    const [sink] = attach(hub) as [FakeSink];
    const [client] = hub.clients.values();
    sink.open = false;
    await hub.send('first');
    await untilTurn(() => sink.data.length === 1);
    const done = client?.sendFrom(texts(5).map((number) => `own ${number}`));
    for (const number of texts(3)) await hub.send(number);
    for (let seconds = 0; seconds < 4; seconds++) {
      jest.advanceTimersByTime(1000);
      await turn();
    }
    sink.drain();
    await done;
    const own = texts(5).map((number) => `own ${number}`);
    expect(sink.data).toEqual(['first', '{"reason":"slow","missed":3}', ...own]);
    expect(hub.stats()).toMatchObject({ dropped: 3, evicted: 0 });
  });

  test('a large event may take longer than `sendTimeout`, as long as the peer takes of it', async () => {
    const hub = new EventHub({ keepAlive: false, sendTimeout: 1000 });
    const [sink] = attach(hub) as [FakeSink];
    let writes = 0;
    sink.onWrite = () => {
      writes++;
      sink.open = false;
    };
    const data = 'x'.repeat(1024 * 1024);
    await hub.send(data);
    for (let part = 1; part <= 17; part++) {
      await untilTurn(() => writes === part);
      jest.advanceTimersByTime(900);
      sink.drain();
    }
    expect(sink.destroyed).toBe(false);
    expect(sink.data).toEqual([data]);
  });

  describe('a peer that was given 3 MB', () => {
    async function given3MB() {
      const hub = new EventHub({ keepAlive: false, sendTimeout: 1000 });
      const [sink] = attach(hub) as [FakeSink];
      await hub.send('x'.repeat(3_000_000));
      await untilTurn(() => sink.text.length > 3_000_000 && sink.text.endsWith('\n\n'));
      return { hub, sink };
    }

    async function block({ hub, sink }: { hub: EventHub; sink: FakeSink }) {
      sink.open = false;
      await hub.send('more');
      await untilTurn(() => sink.text.slice(-100).includes('more'));
    }

    test('may be blocked for as long as a slow reader needs for them', async () => {
      const peer = await given3MB();
      await block(peer);
      jest.advanceTimersByTime(2900);
      expect(peer.sink.destroyed).toBe(false);
      jest.advanceTimersByTime(200);
      expect(peer.sink.destroyed).toBe(true);
    });

    test('long ago may be blocked for `sendTimeout`', async () => {
      const peer = await given3MB();
      jest.advanceTimersByTime(10_000);
      await block(peer);
      jest.advanceTimersByTime(1000);
      expect(peer.sink.destroyed).toBe(true);
    });
  });

  test('a peer that never takes the end of its stream is cut off after `sendTimeout`', async () => {
    const hub = new EventHub({ sendTimeout: 1000 });
    const [sink] = attach(hub) as [FakeSink];
    hub.leaveAll();
    await untilTurn(() => sink.ended);
    jest.advanceTimersByTime(1000);
    expect(sink.destroyed).toBe(true);
  });

  test('close() cuts off who has not taken everything within its timeout', async () => {
    const hub = new EventHub({ sendTimeout: 60_000 });
    const [stalled, healthy] = attach(hub, 2) as [FakeSink, FakeSink];
    stalled.open = false;
    await hub.send('x');
    await untilTurn(() => healthy.data.length === 1);
    const closed = hub.close({ timeout: 300 });
    await untilTurn(() => healthy.ended);
    healthy.owner.closed();
    jest.advanceTimersByTime(300);
    await closed;
    expect([stalled.destroyed, healthy.destroyed]).toEqual([true, false]);
  });
});

test('timers keep no process alive', async () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const hub = new EventHub({});
  const [sink] = attach(hub) as [FakeSink];
  sink.open = false;
  await hub.send('parks it');
  await untilTurn(() => sink.data.length === 1);
  expect(timers()).toBe(before);
});
