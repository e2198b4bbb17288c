import { runInThisContext } from 'node:vm';
import { EventHub } from '../lib/hub.js';
import { createHub, type HubOptions, SseError } from '../lib/index.js';
import { enter } from './support/enter.js';
import { FakeSink, microtasks, turn } from './support/fake-sink.js';
import { entries, ManualLog } from './support/manual-log.js';
import { serve } from './support/server.js';
import { fetchHead, StreamReader } from './support/stream-client.js';

/** jest hands its tests a copy of `process`, and the copy hears of no unhandled rejection. */
const realProcess = runInThisContext('process') as NodeJS.Process;

/** A hub over a log that has begun behind the entry `head`. */
function hubFrom(head = 0, options: HubOptions = {}): { hub: EventHub; log: ManualLog } {
  const log = new ManualLog();
  const hub = new EventHub({ log, ...options });
  log.follower.begin('e', head);
  return { hub, log };
}

function attach(hub: EventHub, lastEventId?: string, rooms: readonly string[] = []): FakeSink {
  const sink = new FakeSink();
  enter(hub, sink, { lastEventId, rooms });
  return sink;
}

async function untilTurn(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 10_000) throw new Error('it does not come about');
    await turn();
  }
}

/** Resolves when the condition holds after a write. */
function written(sink: FakeSink, condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    sink.onWrite = () => {
      if (condition()) resolve();
    };
  });
}

const numbers = (first: number, last: number) =>
  entries(first, last).map(({ sequence }) => String(sequence));
const GAP = (reason: string) => JSON.stringify({ reason });

describe('a send', () => {
  test('resolves with the id that the log gives, and not before', async () => {
    const { hub, log } = hubFrom();
    const sent = hub.send('x');
    const settled = jest.fn();
    void sent.then(settled);
    await turn();
    expect(settled).not.toHaveBeenCalled();
    log.appended[0]?.resolve({ epoch: 'e', sequence: 1 });
    await expect(sent).resolves.toBe('e.1');
  });

  test('keeps its slot until its event has come back through the log and was offered', async () => {
    const { hub, log } = hubFrom(0, { requestQueueSize: 1 });
    void hub.send('first');
    void hub.send('second');
    log.appended[0]?.resolve({ epoch: 'e', sequence: 1 });
    await turn();
    await turn();
    expect(log.appended).toHaveLength(1);
    log.give(1);
    await untilTurn(() => log.appended.length === 2);
    expect(log.appended[1]?.record.fields.toString()).toBe('data: second\n');
  });

  test('needs no second look at an event that came back before it was acknowledged', async () => {
    const { hub, log } = hubFrom(0, { requestQueueSize: 1 });
    void hub.send('first');
    void hub.send('second');
    log.give(1);
    log.appended[0]?.resolve({ epoch: 'e', sequence: 1 });
    await untilTurn(() => log.appended.length === 2);
  });

  test('is let in where the log begins anew before its event has come back', async () => {
    const { hub, log } = hubFrom(0, { requestQueueSize: 1 });
    void hub.send('first');
    void hub.send('second');
    log.appended[0]?.resolve({ epoch: 'e', sequence: 1 });
    await turn();
    log.follower.begin('f', 0);
    await untilTurn(() => log.appended.length === 2);
  });

  test('rejects with what the log rejects with, and gives its slot back', async () => {
    const warn = jest.fn();
    const { hub, log } = hubFrom(0, { requestQueueSize: 1, logger: { info() {}, warn } });
    const refused = hub.send('first');
    void hub.send('second');
    const reason = new SseError('ERR_SSE_LOG_REFUSED', 'too large');
    log.appended[0]?.reject(reason);
    await expect(refused).rejects.toBe(reason);
    await untilTurn(() => log.appended.length === 2);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('too large'));
  });

  test('rejects where the log throws', async () => {
    const { hub, log } = hubFrom();
    log.append = () => {
      throw new TypeError('broken');
    };
    await expect(hub.send('x')).rejects.toThrow('broken');
  });
});

describe('a log that stores nothing', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask', 'nextTick'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** As an event loop that goes round lets time pass. */
  async function pass(ms: number): Promise<void> {
    await jest.advanceTimersByTimeAsync(ms);
  }

  test('has sends rejected after `sendTimeout`, those that wait for room too', async () => {
    const { hub, log } = hubFrom(0, { requestQueueSize: 1, sendTimeout: 1000 });
    const outcomes: string[] = [];
    for (const name of ['first', 'second']) {
      hub.send(name).catch((error) => outcomes.push(`${name} ${error.code}`));
    }
    await pass(990);
    expect(outcomes).toEqual([]);
    await pass(60);
    expect(outcomes.sort()).toEqual(['first ERR_SSE_LOG_AWAY', 'second ERR_SSE_LOG_AWAY']);
    expect(log.appended).toHaveLength(1);
    expect(log.appended[0]?.signal.aborted).toBe(true);
    await turn();
    expect(hub.stats().queued).toBe(0);
  });

  test('lets a later send wait as long', async () => {
    const { hub } = hubFrom(0, { sendTimeout: 1000 });
    const outcomes: string[] = [];
    hub.send('early').catch(() => outcomes.push('early'));
    await pass(500);
    hub.send('late').catch(() => outcomes.push('late'));
    await pass(550);
    expect(outcomes).toEqual(['early']);
    await pass(500);
    expect(outcomes).toEqual(['early', 'late']);
  });

  test('has nobody rejected as long as something is stored now and then', async () => {
    const { hub, log } = hubFrom(0, { requestQueueSize: 1, sendTimeout: 1000 });
    const rejected = jest.fn();
    for (let count = 0; count < 5; count++) hub.send(count).catch(rejected);
    for (let sequence = 1; sequence <= 4; sequence++) {
      await pass(700);
      log.appended[sequence - 1]?.resolve({ epoch: 'e', sequence });
      await microtasks();
      log.give(sequence);
      await untilTurn(() => log.appended.length === sequence + 1);
    }
    expect(rejected).not.toHaveBeenCalled();
  });

  test('but gives none of it back, has those rejected that wait for room', async () => {
    const { hub, log } = hubFrom(0, { requestQueueSize: 1, sendTimeout: 1000 });
    const first = hub.send('first');
    log.appended[0]?.resolve({ epoch: 'e', sequence: 1 });
    await first;
    const outcomes: string[] = [];
    hub.send('second').catch(({ code }) => outcomes.push(code));
    await pass(1100);
    expect(outcomes).toEqual(['ERR_SSE_LOG_AWAY']);
  });

  test('does not end the process through sends that nobody awaits', async () => {
    const unhandled = jest.fn();
    realProcess.on('unhandledRejection', unhandled);
    const { hub } = hubFrom(0, { requestQueueSize: 1, sendTimeout: 100 });
    void hub.send('first');
    void hub.send('second');
    await pass(300);
    await turn();
    await turn();
    realProcess.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    expect(hub.stats().queued).toBe(0);
  });
});

describe('a log that begins anew', () => {
  test.each([
    ['in another epoch, as an epoch that is over', 'f', 'epoch'],
    ['in the same life, as entries that are gone', 'e', 'trimmed'],
  ])('%s, is told to every client, and each goes on from there', async (_how, epoch, reason) => {
    const { hub, log } = hubFrom();
    const idle = attach(hub);
    const parked = attach(hub);
    parked.open = false;
    log.give(1);
    await untilTurn(() => idle.data.length === 1 && parked.data.length === 1);
    log.follower.begin(epoch, 50);
    log.follower.entry({ sequence: 51, fields: Buffer.from('data: 51\n') });
    await untilTurn(() => idle.data.length === 3);
    expect(idle.data).toEqual(['1', GAP(reason), '51']);
    expect(idle.text).toContain(`event: gap\ndata: ${GAP(reason)}\nid: ${epoch}.50\n\n`);
    parked.drain();
    await untilTurn(() => parked.data.length === 3);
    expect(parked.data).toEqual(['1', GAP(reason), '51']);
    expect(hub.stats()).toMatchObject({ gaps: 2, lag: 0 });
  });

  test('has no client read what was kept of the life before', async () => {
    const { hub, log } = hubFrom();
    log.give(1, 20);
    log.follower.begin('f', 5);
    const back = attach(hub, 'e.10');
    await turn();
    expect(back.data).toEqual([GAP('epoch')]);
    expect(back.text).toContain('id: f.5\n');
  });

  test('takes a new client to the new head, and a heartbeat with it', async () => {
    const { hub, log } = hubFrom(5);
    expect(attach(hub).text).toContain('id: e.5\n');
    log.follower.begin('f', 5);
    expect(attach(hub).text).toContain('id: f.5\n');
  });

  test('ends a client that was told to leave behind its gap', async () => {
    const { hub, log } = hubFrom();
    const sink = attach(hub);
    sink.open = false;
    log.give(1, 3);
    await untilTurn(() => sink.data.length > 0);
    hub.leaveAll();
    log.follower.begin('f', 0);
    sink.drain();
    await untilTurn(() => sink.ended);
    expect(sink.data.at(-1)).toBe(GAP('epoch'));
  });

  test('keeps what was sent to one client alone', async () => {
    const { hub, log } = hubFrom();
    const sink = attach(hub);
    sink.open = false;
    log.give(1, 2);
    await untilTurn(() => sink.data.length > 0);
    const [client] = [...hub.clients.values()];
    void client?.send('for you');
    log.follower.begin('f', 0);
    sink.drain();
    await untilTurn(() => sink.data.includes('for you'));
    expect(sink.data.slice(-2)).toEqual([GAP('epoch'), 'for you']);
  });

  test('does not keep `flushed` waiting for what is gone', async () => {
    const { hub, log } = hubFrom();
    const sink = attach(hub);
    sink.open = false;
    log.give(1, 2);
    await untilTurn(() => sink.data.length > 0);
    const flushed = hub.flushed();
    log.follower.begin('f', 0);
    sink.drain();
    await flushed;
    expect(sink.data.at(-1)).toBe(GAP('epoch'));
  });
});

describe('a log that is not as it should be', () => {
  test('with a hole between two entries has every client told of a gap', async () => {
    const { hub, log } = hubFrom();
    const sink = attach(hub);
    log.give(1);
    await untilTurn(() => sink.data.length === 1);
    log.give(5, 6);
    await untilTurn(() => sink.data.length === 4);
    expect(sink.data).toEqual(['1', GAP('trimmed'), '5', '6']);
  });

  test('that gives an entry twice has it delivered once', async () => {
    const { hub, log } = hubFrom();
    const sink = attach(hub);
    log.give(1, 2);
    log.give(1, 3);
    await untilTurn(() => sink.data.length === 3);
    expect(sink.data).toEqual(['1', '2', '3']);
  });

  test('is refused where it is none', () => {
    const attempt = () => createHub({ log: { follow() {} } as unknown as ManualLog });
    expect(attempt).toThrow(/^log \{ follow: \[Function: follow\] \}: must be a log/);
  });
});

describe('what the hub has dropped', () => {
  const small = { history: { events: 10 } };

  test('is read from the log in pages, and goes over to what comes live', async () => {
    const { hub, log } = hubFrom(950, small);
    log.stored = entries(1, 1000);
    log.give(951, 1000);
    await turn();
    await turn();
    const sink = attach(hub, 'e.123');
    await untilTurn(() => sink.data.length === 877);
    log.give(1001, 1003);
    await untilTurn(() => sink.data.length === 880);
    expect(sink.data).toEqual(numbers(124, 1003));
    expect(log.reads).toEqual([100, 200, 300, 400, 500, 600, 700, 800, 900]);
  });

  test('is read once for all clients that come at the same time', async () => {
    const { hub, log } = hubFrom(1000, small);
    log.stored = entries(1, 1000);
    const sinks = Array.from({ length: 50 }, (_, index) => attach(hub, `e.${900 - index}`));
    await untilTurn(() => sinks.every((sink) => sink.data.at(-1) === '1000'));
    sinks.forEach((sink, index) => {
      expect(sink.data).toEqual(numbers(901 - index, 1000));
    });
    expect(log.reads.length).toBeLessThan(10);
  });

  test('is read once also where the log gives less than it is asked for', async () => {
    const { hub, log } = hubFrom(1000, small);
    log.stored = entries(1, 1000);
    log.most = 7;
    const sinks = Array.from({ length: 50 }, (_, index) => attach(hub, `e.${index}`));
    await untilTurn(() => sinks.every((sink) => sink.data.at(-1) === '1000'));
    sinks.forEach((sink, index) => {
      expect(sink.data).toEqual(numbers(index + 1, 1000));
    });
    // The first few are read before it is known how many come.
    expect(log.reads.length).toBeLessThan(1000 / 7 + 50);
  });

  test('is not read for a client that takes none', async () => {
    const { hub, log } = hubFrom(1000, small);
    log.stored = entries(1, 1000);
    const sink = new FakeSink();
    sink.open = false;
    enter(hub, sink, { lastEventId: 'e.0' });
    await turn();
    await turn();
    expect(log.reads).toEqual([]);
    sink.onWrite = () => {
      sink.open = false;
    };
    sink.drain();
    await untilTurn(() => sink.data.length > 0);
    const { length } = sink.data;
    for (let turns = 0; turns < 10; turns++) await turn();
    expect(sink.data).toHaveLength(length);
    expect(log.reads).toEqual([0]);
  });

  test('is read four pages at a time at most, however many clients come', async () => {
    const { hub, log } = hubFrom(1000, small);
    log.stored = entries(1, 1000);
    const open = log.hold();
    const sinks = Array.from({ length: 10 }, (_, page) => attach(hub, `e.${100 * page}`));
    for (let turns = 0; turns < 10; turns++) await turn();
    expect(log.reads).toHaveLength(4);
    open();
    await untilTurn(() => sinks.every((sink) => sink.data.at(-1) === '1000'));
    sinks.forEach((sink, page) => {
      expect(sink.data).toEqual(numbers(100 * page + 1, 1000));
    });
  });

  test('and the log as well, is told as a gap', async () => {
    const { hub, log } = hubFrom(1000, small);
    log.stored = entries(951, 1000);
    const sink = attach(hub, 'e.10');
    await untilTurn(() => sink.data.at(-1) === '1000');
    expect(sink.data).toEqual([GAP('trimmed'), ...numbers(951, 1000)]);
  });

  test('is told as a gap where nothing at all is left', async () => {
    const { hub, log } = hubFrom(1000, small);
    const sink = attach(hub, 'e.10');
    await untilTurn(() => sink.data.length === 1);
    log.give(1001);
    await untilTurn(() => sink.data.length === 2);
    expect(sink.data).toEqual([GAP('trimmed'), '1001']);
  });

  test('is told as a gap where the log has a hole in it', async () => {
    const { hub, log } = hubFrom(300, small);
    log.stored = [...entries(1, 150), ...entries(161, 300)];
    const sink = attach(hub, 'e.100');
    await untilTurn(() => sink.data.at(-1) === '300');
    expect(sink.data).toContain(GAP('trimmed'));
    expect(sink.data.slice(-140)).toEqual(numbers(161, 300));
  });

  test('is asked for again where it could not be read', async () => {
    const { hub, log } = hubFrom(1000, { ...small, keepAlive: 100 });
    log.stored = entries(1, 1000);
    log.gate = Promise.reject(new Error('away'));
    const sink = attach(hub, 'e.950');
    // Meanwhile it gets heartbeats, which leave its place where it is.
    await written(sink, () => sink.text.match(/^id: e\.950$/gm)?.length === 3);
    expect(sink.data).toEqual([]);
    expect(sink.text).not.toContain('id: e.1000');
    log.gate = Promise.resolve();
    await written(sink, () => sink.data.length === 50);
    expect(sink.data).toEqual(numbers(951, 1000));
  });

  test('comes although other places in the log can never be read', async () => {
    const { hub, log } = hubFrom(1000, small);
    log.stored = entries(1, 1000);
    for (const after of [0, 100, 200, 300]) {
      log.unreadable.add(after);
      attach(hub, `e.${after}`);
    }
    await turn();
    const sink = attach(hub, 'e.500');
    await untilTurn(() => sink.data.at(-1) === '1000');
    expect(sink.data).toEqual(numbers(501, 1000));
  });

  test('is less than the hub has, where the log is the shorter one: what the hub has is given', async () => {
    const { hub, log } = hubFrom(150, { history: { events: 50 } });
    log.give(151, 200);
    log.stored = entries(196, 200);
    await turn();
    await turn();
    const sink = attach(hub, 'e.140');
    await untilTurn(() => sink.data.at(-1) === '200');
    expect(sink.data).toEqual([GAP('trimmed'), ...numbers(151, 200)]);
  });

  test.each(['disconnect', 'skip'] as const)(
    'while it does not come, no more waits for one client than for one that is slow: %s',
    async (slowClient) => {
      const { hub, log } = hubFrom(1000, { ...small, slowClient, clientQueueSize: 50 });
      log.stored = entries(1, 1000);
      const open = log.hold();
      const sink = attach(hub, 'e.0');
      const [client] = hub.clients.values();
      await turn();
      const sends = numbers(1, 51).map((data) => client?.send(`own ${data}`));
      // Given up, as they are for a client that takes nothing.
      await Promise.all(sends);
      expect(sink.destroyed).toBe(true);
      open();
    },
  );

  test('is not waited for when the client leaves', async () => {
    const { hub, log } = hubFrom(1000, small);
    log.stored = entries(1, 1000);
    const open = log.hold();
    const sink = attach(hub, 'e.0');
    await turn();
    sink.owner.closed();
    open();
    await turn();
    expect(sink.data).toEqual([]);
    expect(hub.size).toBe(0);
    // Its page is given up as well: others get theirs.
    const others = Array.from({ length: 5 }, (_, page) => attach(hub, `e.${100 * page}`));
    await untilTurn(() => others.every((other) => other.data.at(-1) === '1000'));
  });

  test('comes before and behind what is for one client alone, however far the hub goes on meanwhile', async () => {
    const { hub, log } = hubFrom(250, small);
    log.stored = entries(1, 300);
    const open = log.hold();
    const sink = attach(hub, 'e.0');
    const [client] = hub.clients.values();
    void client?.send('for it alone');
    await turn();
    log.give(251, 300);
    await turn();
    open();
    await untilTurn(() => sink.data.at(-1) === '300');
    expect(sink.data).toEqual([...numbers(1, 250), 'for it alone', ...numbers(251, 300)]);
  });

  test('comes to a client before it is ended', async () => {
    const { hub, log } = hubFrom(1000, small);
    log.stored = entries(1, 1000);
    const sink = attach(hub, 'e.500');
    hub.leaveAll();
    await untilTurn(() => sink.ended);
    expect(sink.data).toEqual(numbers(501, 1000));
  });

  test('comes for the rooms that the client is in', async () => {
    const { hub, log } = hubFrom(200, small);
    log.stored = entries(1, 200).map((entry) => ({
      ...entry,
      rooms: [entry.sequence % 2 === 0 ? 'even' : 'odd'],
    }));
    const sink = attach(hub, 'e.190', ['even']);
    await untilTurn(() => sink.data.length === 5);
    expect(sink.data).toEqual(['192', '194', '196', '198', '200']);
  });

  test('is forgotten where the log begins another epoch meanwhile', async () => {
    const { hub, log } = hubFrom(1000, small);
    log.stored = entries(1, 1000);
    const open = log.hold();
    const sink = attach(hub, 'e.0');
    await turn();
    log.follower.begin('f', 7);
    open();
    log.give(8);
    await untilTurn(() => sink.data.length === 2);
    for (let turns = 0; turns < 5; turns++) await turn();
    expect(sink.data).toEqual([GAP('epoch'), '8']);
  });
});

describe('a client that comes', () => {
  async function serveHub(options: HubOptions & { log: ManualLog }): Promise<string> {
    const hub = createHub(options);
    return serve((req, res) => void hub.open(req, res));
  }

  test('before the log has begun waits until it has', async () => {
    const log = new ManualLog();
    const open = log.hold();
    const url = await serveHub({ log });
    const reader = StreamReader.open(url);
    log.follower.begin('e', 7);
    open();
    await (await reader).until(({ text }) => text.includes('id: e.7\n'));
  });

  test('from a node that was ahead waits until this one has caught up', async () => {
    const log = new ManualLog();
    const url = await serveHub({ log });
    log.follower.begin('e', 5);
    const open = log.hold();
    const asked = jest.spyOn(log, 'caughtUp');
    const opening = StreamReader.open(url, { headers: { 'last-event-id': 'e.7' } });
    while (asked.mock.calls.length === 0) await turn();
    log.give(6, 9);
    open();
    const reader = await opening;
    await reader.received(2);
    expect(reader.data).toEqual(['8', '9']);
  });

  test.each([
    ['retry', 200],
    ['status', 503],
  ] as const)(
    'while the log is unreachable is turned away politely, with refuse: %s',
    async (refuse, status) => {
      const log = new ManualLog();
      const url = await serveHub({ log, refuse });
      log.follower.begin('e', 5);
      log.follower.disconnected(new Error('gone'));
      const headers = { 'last-event-id': 'e.5' };
      const reader = await StreamReader.open(url, { headers });
      await reader.end();
      expect(reader.response.statusCode).toBe(status);
      expect(reader.text).toMatch(refuse === 'retry' ? /^retry: \d+\n\n$/ : /^$/);
      // One without an id lacks nothing.
      const fresh = await StreamReader.open(url);
      await fresh.until(({ text }) => text.includes('id: e.5\n'));
      log.follower.connected(5);
      const back = await StreamReader.open(url, { headers });
      await back.until(({ text }) => text.includes('id: e.5\n'));
    },
  );

  test('before a log was ever reached is turned away, whoever it is', async () => {
    const log = new ManualLog();
    const url = await serveHub({ log, refuse: 'status' });
    log.follower.disconnected(new Error('never'));
    const response = await fetchHead(url);
    expect(response.statusCode).toBe(503);
    expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
  });

  test('is turned away where to catch up fails', async () => {
    const log = new ManualLog();
    const url = await serveHub({ log, refuse: 'status' });
    log.gate = Promise.reject(new Error('away'));
    log.gate.catch(() => {});
    expect((await fetchHead(url)).statusCode).toBe(503);
  });
});

test('the log’s state is in the stats, and its comings and goings are logged', () => {
  const lines: string[] = [];
  const logger = {
    info: (line: string) => lines.push(`info ${line}`),
    warn: (line: string) => lines.push(`warn ${line}`),
  };
  const log = new ManualLog();
  const hub = new EventHub({ log, logger });
  expect(hub.stats().log).toEqual({ connected: false, behind: 0 });
  log.follower.begin('e', 3);
  log.follower.connected(10);
  expect(hub.stats().log).toEqual({ connected: true, behind: 7 });
  log.give(4, 10);
  expect(hub.stats().log).toEqual({ connected: true, behind: 0 });
  log.follower.disconnected(new Error('cut'));
  log.follower.disconnected(new Error('still cut'));
  expect(hub.stats().log).toEqual({ connected: false, behind: 0 });
  log.follower.connected(10);
  log.follower.begin('f', 0);
  expect(lines).toEqual([
    expect.stringContaining('warn the log is unreachable: Error: cut'),
    'warn the log is reachable again',
    'warn events were lost: the log goes on behind f.0',
  ]);
});

test('while the log is unreachable, one line says that events are not sent, and one how many they were', async () => {
  const lines: string[] = [];
  const { hub, log } = hubFrom(0, { logger: { info() {}, warn: (line) => lines.push(line) } });
  log.follower.disconnected(new Error('cut'));
  const sends = [1, 2, 3].map((number) => hub.send(number));
  for (const { reject } of log.appended) reject(new SseError('ERR_SSE_LOG_AWAY', 'in vain'));
  await Promise.allSettled(sends);
  log.follower.connected(0);
  log.follower.disconnected(new Error('cut again'));
  log.follower.connected(0);
  expect(lines).toEqual([
    expect.stringContaining('the log is unreachable: Error: cut'),
    expect.stringContaining('event not sent: SseError: in vain'),
    'the log is reachable again: 3 events not sent meanwhile',
    expect.stringContaining('the log is unreachable: Error: cut again'),
    'the log is reachable again',
  ]);
});

test('entries that no hub has written are counted, logged once, and given to nobody', async () => {
  const lines: string[] = [];
  const { hub, log } = hubFrom(0, { logger: { info() {}, warn: (line) => lines.push(line) } });
  const sink = attach(hub, undefined, ['a']);
  for (const sequence of [1, 2, 3]) {
    log.follower.entry({ sequence, fields: Buffer.from('data: x\n'), rooms: [], isForeign: true });
  }
  log.give(4, 4);
  await hub.flushed();
  expect(sink.data).toEqual(['4']);
  expect(hub.stats().foreign).toBe(3);
  expect(lines).toEqual([
    'foreign entry e.1 in the log: no hub has written it, and nobody gets it',
  ]);
});

describe('close', () => {
  test('waits for what is on its way into the log, gives it to the clients, and closes the log', async () => {
    const { hub, log } = hubFrom();
    const sink = attach(hub);
    const sent = hub.send('last');
    const closed = hub.close();
    await turn();
    expect(sink.ended).toBe(false);
    log.give(1);
    log.appended[0]?.resolve({ epoch: 'e', sequence: 1 });
    await sent;
    await untilTurn(() => sink.ended);
    expect(sink.data).toEqual(['1']);
    expect(log.closed).toBe(false);
    sink.owner.closed();
    await closed;
    expect(log.closed).toBe(true);
  });

  test('rejects what waits for room, also where the log gives nothing back', async () => {
    const { hub, log } = hubFrom(0, { requestQueueSize: 1 });
    const first = hub.send('first');
    log.appended[0]?.resolve({ epoch: 'e', sequence: 1 });
    await first;
    const second = expect(hub.send('second')).rejects.toMatchObject({ code: 'ERR_SSE_CLOSED' });
    await hub.close();
    await second;
  });

  test('waits half of its time for a log that is away, and the clients get the rest', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask', 'nextTick'] });
    try {
      const { hub, log } = hubFrom();
      const sink = attach(hub);
      log.gate = new Promise(() => {});
      const closed = hub.close({ timeout: 100 });
      await jest.advanceTimersByTimeAsync(49);
      await turn();
      expect(sink.ended).toBe(false);
      await jest.advanceTimersByTimeAsync(1);
      await untilTurn(() => sink.ended);
      await jest.advanceTimersByTimeAsync(49);
      expect(sink.destroyed).toBe(false);
      await jest.advanceTimersByTimeAsync(1);
      expect(sink.destroyed).toBe(true);
      await closed;
      expect(log.closed).toBe(true);
    } finally {
      jest.useRealTimers();
    }
  });

  test('is over in time where the log does not close', async () => {
    const warn = jest.fn();
    const { hub, log } = hubFrom(0, { logger: { info() {}, warn } });
    log.close = () => new Promise(() => {});
    await hub.close({ timeout: 50 });
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('the log was not closed'));
  });
});

test('a log that is never behind and keeps nothing needs no more than two methods', async () => {
  const full = new ManualLog();
  const hub = new EventHub({
    log: {
      follow: (follower) => full.follow(follower),
      append: (record, signal) => full.append(record, signal),
    },
    history: { events: 2 },
  });
  full.follower.begin('e', 0);
  full.give(1, 5);
  await turn();
  await turn();
  const sink = attach(hub, 'e.1');
  await untilTurn(() => sink.data.length === 3);
  expect(sink.data).toEqual([JSON.stringify({ reason: 'trimmed', missed: 2 }), '4', '5']);
  await hub.flushed();
  hub.leaveAll();
  await untilTurn(() => sink.ended);
});
