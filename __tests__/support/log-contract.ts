import { setTimeout as sleep } from 'node:timers/promises';
import { type EventId, formatEventId, parseEventId } from '../../lib/log/event-id.js';
import type { Log, LogEntry, LogRecord } from '../../lib/log/log.js';
import type { LogHistoryOptions } from '../../lib/log/shared/options.js';
import { plain, RecordingFollower, type Run } from './recording-follower.js';

export interface OpenOptions {
  readonly history?: LogHistoryOptions;
  /** Past the engine's proxy. */
  readonly direct?: boolean;
}

/** Where the logs of a suite come from. */
export interface LogSource {
  /** A new object. All that are opened in one test share one log, in the engine. */
  open(options?: OpenOptions): Promise<Log>;
  /** Left out where a log is one object alone, which nothing can happen to. */
  readonly engine?: LogEngine;
}

/** A way to a server that a test can break. */
export interface Breakable {
  /** How many connections were made so far. */
  readonly accepted: number;
  /** Breaks the connections there are. */
  cut(): void;
  /** Refuses new ones, or no longer. */
  refuse(on: boolean): void;
}

/** A server that logs live in. */
export interface LogEngine {
  /** What its logs reach it through. */
  readonly proxy: Breakable;
  /** Deletes all that the log has. */
  lose(): Promise<void>;
  /** Resolves with a record that the engine refuses, at least until `accept`. */
  refuse(): Promise<LogRecord>;
  accept(): Promise<void>;
}

/** A log of a server has them all. */
type SharedLog = Required<Log>;

interface Followed<L extends Log = Log> {
  readonly log: L;
  readonly follower: RecordingFollower;
}

/** How the tests of a suite come by logs, which are closed after each test. */
function following(open: LogSource['open']) {
  const logs = new Set<Log>();

  afterEach(async () => {
    for (const log of logs) await close(log);
  });

  async function close(log: Log): Promise<void> {
    logs.delete(log);
    await log.close?.();
  }

  /** A log that has begun. */
  async function follow(options?: OpenOptions): Promise<Followed<SharedLog>> {
    const log = (await open(options)) as SharedLog;
    logs.add(log);
    const follower = new RecordingFollower();
    log.follow(follower);
    await follower.begun();
    return { log, follower };
  }
  return { logs, close, follow };
}

/**
 * What may differ between the client libraries of one engine: how they connect, what they do about lost
 * connections, the shapes of all replies, and of errors. The contract has the rest.
 */
export function libraryContract({ open, engine }: Required<LogSource>): void {
  const { follow } = following(open);

  test('gives back bytes, rooms and keys, to a follower and in pages', async () => {
    const records = [
      { fields: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)) },
      record('b', { rooms: ['ü', '"', '\0'], conflate: 'k\n' }),
      { fields: Buffer.alloc(200_000, 'x') },
    ];
    const [a, b] = [await follow(), await follow({ direct: true })];
    await Promise.all(records.map((one) => append(a.log, one)));
    await Promise.all([a.follower.received(3), b.follower.received(3)]);
    const expected = records.map((one, index) => text({ ...one, sequence: index + 1 }));
    expect(a.follower.entries.map(text)).toEqual(expected);
    expect(b.follower.entries.map(text)).toEqual(expected);
    expect((await a.log.read(0, 2)).map(text)).toEqual(expected.slice(0, 2));
    expect(await a.log.read(3, 5)).toEqual([]);
    await a.log.caughtUp();
  });

  test('stores once, and in order, what it was given while its connections were broken', async () => {
    const { log, follower } = await follow();
    await append(log, record('1'));
    engine.proxy.refuse(true);
    engine.proxy.cut();
    const ids = numbers(50).map((name) => append(log, record(name)));
    await follower.until(() => !follower.isConnected);
    await expect(log.caughtUp()).rejects.toThrow();
    engine.proxy.refuse(false);
    expect((await Promise.all(ids)).map(({ sequence }) => sequence)).toEqual(
      numbers(50).map((n) => +n + 1),
    );
    await follower.received(51);
    expect(names(follower.entries)).toEqual(['1', ...numbers(50)]);
    expect(follower.runs).toHaveLength(1);
  });

  test('is reset where the engine has lost all', async () => {
    const { log, follower } = await follow();
    await append(log, record('a'));
    await follower.received(1);
    await engine.lose();
    const { epoch } = await append(log, record('b'));
    await follower.received(2);
    expect(follower.runs.map(({ entries }) => names(entries))).toEqual([['a'], ['b']]);
    expect(follower.run?.epoch).toBe(epoch);
  });

  refusalContract(follow, engine);
}

/** What every log does. To be called where tests are described. */
export function logContract({ open, engine }: LogSource): void {
  const { logs, close, follow } = following(open);

  describe('one log', () => {
    test('begins at 0 while it is empty, with an epoch that makes event ids', async () => {
      const { follower } = await follow();
      expect(follower.runs).toEqual([{ epoch: expect.any(String), head: 0, entries: [] }]);
      const { epoch, head } = follower.run as Run;
      expect(parseEventId(formatEventId(epoch, head))).toEqual({ epoch, sequence: 0 });
    });

    test('has one follower only', async () => {
      const { log } = await follow();
      expect(() => log.follow(new RecordingFollower())).toThrow(TypeError);
      expect(() => log.follow(new RecordingFollower())).toThrow('this log has a hub already');
    });

    test('begins, and then gives the entries in the order of the calls, with dense ids from 1', async () => {
      const { log, follower } = await follow();
      const ids: EventId[] = [];
      for (const name of ['a', 'b', 'c', 'd']) ids.push(await append(log, record(name)));
      await follower.received(4);
      const epoch = follower.run?.epoch;
      expect(ids).toEqual([1, 2, 3, 4].map((sequence) => ({ epoch, sequence })));
      expect(names(follower.entries)).toEqual(['a', 'b', 'c', 'd']);
      expect(follower.entries.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
      expect(follower.calls.filter((call) => !call.endsWith('connected'))).toEqual([
        'begin',
        ...Array(4).fill('entry'),
      ]);
    });

    test.each<[string, readonly LogRecord[]]>([
      [
        'the bytes of an event',
        [
          Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)),
          Buffer.from([0, 0, 10, 0, 13, 10, 255, 254]),
          Buffer.from('event: ä\ndata: 你好 🎈\n'),
          Buffer.alloc(0),
          Buffer.from('\n'),
          Buffer.from('{"r":["a"],"k":"b"}\n{}\n'),
          Buffer.alloc(300_000, 'x'),
        ].map((fields) => ({ fields })),
      ],
      [
        'the rooms, and that there are none',
        [
          undefined,
          ['a'],
          ['a', 'b', 'a/b'],
          ['"', "'", '\\', '[]', ',', ' ', '{', '%s', '$1'],
          ['über', '部屋', '🎈', '\ud800', '\u2028'],
          ['line\nbreak', '\r\n', '\t', '\0', ''],
          undefined,
        ].map((rooms) => record('a', { rooms })),
      ],
      [
        'the key that newer ones stand for, and that there is none',
        [undefined, 'a', 'a"b\\c', 'ü部🎈', 'line\nbreak', ' ', '\0', '0', undefined].map(
          (conflate) => record('a', { conflate }),
        ),
      ],
      ['all of them together', [record('a', { rooms: ['r', 's'], conflate: 'k' }), record('b')]],
    ])('gives back %s', async (_what, records) => {
      const { log, follower } = await follow();
      for (const one of records) await append(log, one);
      await follower.received(records.length);
      expect(follower.entries.map(text)).toEqual(
        records.map((one, index) => text({ ...one, sequence: index + 1 })),
      );
    });

    test('keeps the order of calls, also of those from before it has begun', async () => {
      const log = await open();
      logs.add(log);
      const follower = new RecordingFollower();
      log.follow(follower);
      const calls = numbers(60).map(async (name) => {
        // The first half at once, the others one turn later each.
        if (Number(name) > 30) await turns(Number(name) - 30);
        return append(log, record(name));
      });
      const ids = await Promise.all(calls);
      expect(ids.map(({ sequence }) => sequence)).toEqual(numbers(60).map(Number));
      await follower.begun();
      const { epoch, head } = follower.run as Run;
      expect(new Set(ids.map((id) => id.epoch))).toEqual(new Set([epoch]));
      // Those that were stored before it began don't come any more.
      await follower.received(60 - head);
      expect(names(follower.entries)).toEqual(numbers(60).slice(head));
    });

    test('takes 3000 events at once, and gives them once and in order', async () => {
      const { log, follower } = await follow();
      const ids = await Promise.all(numbers(3000).map((name) => append(log, record(name))));
      await follower.received(3000);
      expect(ids.map(({ sequence }) => String(sequence))).toEqual(numbers(3000));
      expect(names(follower.entries)).toEqual(numbers(3000));
      expect(follower.entries.map(({ sequence }) => String(sequence))).toEqual(numbers(3000));
      expect(follower.runs).toHaveLength(1);
    });

    test('stores nothing for a signal that has aborted, and rejects with its reason', async () => {
      const { log, follower } = await follow();
      const reason = new Error('too late');
      const aborted = AbortSignal.abort(reason);
      await append(log, record('before'));
      await expect(append(log, record('never'), aborted)).rejects.toBe(reason);
      await append(log, record('after'));
      await follower.received(2);
      expect(names(follower.entries)).toEqual(['before', 'after']);
    });
  });

  if (engine === undefined) return;

  sharedLogContract(follow, close, engine);
}

/** What a log does that others may share, over a network that may break. */
function sharedLogContract(
  follow: (options?: OpenOptions) => Promise<Followed<SharedLog>>,
  close: (log: Log) => Promise<void>,
  engine: LogEngine,
): void {
  /** Nothing reaches the engine through the proxy from now on. */
  function leave(): void {
    engine.proxy.refuse(true);
    engine.proxy.cut();
  }

  function comeBack(): void {
    engine.proxy.refuse(false);
  }

  afterEach(comeBack);

  describe('a log that is shared', () => {
    test('shows all the same entries, and keeps the order of each writer', async () => {
      const [a, b] = [await follow(), await follow()];
      const write = async (log: Log, writer: string) => {
        const ids: EventId[] = [];
        for (let round = 0; round < 20; round++) {
          const some = numbers(10).map((n) => append(log, record(`${writer}${round * 10 + +n}`)));
          ids.push(...(await Promise.all(some)));
        }
        return ids;
      };
      const [ofA, ofB] = await Promise.all([write(a.log, 'a'), write(b.log, 'b')]);
      await Promise.all([a.follower.received(400), b.follower.received(400)]);

      expect(a.follower.entries).toEqual(b.follower.entries);
      expect(a.follower.entries.map(({ sequence }) => String(sequence))).toEqual(numbers(400));
      const stored = names(a.follower.entries);
      const own = (writer: string) => stored.filter((name) => name.startsWith(writer));
      expect(own('a')).toEqual(numbers(200).map((n) => `a${n}`));
      expect(own('b')).toEqual(numbers(200).map((n) => `b${n}`));
      const at = (ids: readonly EventId[]) => ids.map(({ sequence }) => stored[sequence - 1]);
      expect(at(ofA)).toEqual(own('a'));
      expect(at(ofB)).toEqual(own('b'));
      expect(new Set([...ofA, ...ofB].map(({ epoch }) => epoch))).toEqual(
        new Set([a.follower.run?.epoch]),
      );
    });

    test('begins for a late follower at the head, in the same life', async () => {
      const early = await follow();
      for (const name of ['a', 'b', 'c']) await append(early.log, record(name));
      const late = await follow();
      await append(early.log, record('d'));
      const id = await append(late.log, record('e'));
      await late.follower.received(2);

      const epoch = early.follower.run?.epoch;
      expect(late.follower.runs).toMatchObject([{ epoch, head: 3 }]);
      expect(names(late.follower.entries)).toEqual(['d', 'e']);
      expect(id).toEqual({ epoch, sequence: 5 });
      expect(parseEventId(formatEventId(id.epoch, id.sequence))).toEqual(id);
    });

    test('reads what is above a sequence: in order, no more than asked for, and as it was followed', async () => {
      const early = await follow();
      const rooms = ['ü', '"'];
      for (const name of numbers(20)) {
        await append(early.log, record(name, { rooms, conflate: name }));
      }
      const late = await follow();
      await early.follower.received(20);
      for (const log of [early.log, late.log]) {
        const read = async (after: number, limit: number) =>
          (await log.read(after, limit)).map(plain);
        expect(await read(0, 100)).toEqual(early.follower.entries);
        expect(names(await read(0, 1))).toEqual(['1']);
        expect(names(await read(7, 5))).toEqual(['8', '9', '10', '11', '12']);
        expect(names(await read(17, 5))).toEqual(['18', '19', '20']);
        expect(await read(20, 5)).toEqual([]);
        expect(await read(1000, 5)).toEqual([]);
      }
    });

    test('reads a few at a time of entries that are large, and all of them in the end', async () => {
      const { log } = await follow();
      const fields = (index: number) => Buffer.alloc(60_000, String(index));
      for (let index = 0; index < 10; index++) await append(log, { fields: fields(index) });
      const all: LogEntry[] = [];
      for (;;) {
        const page = await log.read(all.length, 100);
        expect(page.length).toBeLessThan(5);
        if (page.length === 0) break;
        all.push(...page);
      }
      expect(all.map(text)).toEqual(
        all.map((_, index) => text({ sequence: index + 1, fields: fields(index) })),
      );
      expect(all).toHaveLength(10);
    });

    test('reads from many places at a time', async () => {
      const { log } = await follow();
      await Promise.all(numbers(100).map((name) => append(log, record(name))));
      const pages = await Promise.all(numbers(20).map((n) => log.read(5 * (+n - 1), 5)));
      expect(names(pages.flat())).toEqual(numbers(100));
    });

    test('has caught up when its follower has all that was stored before', async () => {
      const [a, b] = [await follow(), await follow()];
      await b.log.caughtUp();
      expect(b.follower.entries).toEqual([]);
      for (let round = 1; round <= 5; round++) {
        await Promise.all(numbers(200).map((name) => append(a.log, record(name))));
        await b.log.caughtUp();
        expect(b.follower.entries.length).toBe(200 * round);
      }
      await Promise.all([b.log.caughtUp(), b.log.caughtUp(), append(a.log, record('last'))]);
      await Promise.all([b.log.caughtUp(), b.log.caughtUp()]);
      expect(names(b.follower.entries).at(-1)).toBe('last');
    });

    test('gives no more, for now, to a follower that is not ready', async () => {
      const [held, free] = [await follow(), await follow()];
      held.follower.hold();
      for (let round = 0; round < 5; round++) {
        await Promise.all(numbers(200).map((name) => append(free.log, record(name))));
      }
      await free.follower.received(1000);
      let isCaughtUp = false;
      const caughtUp = held.log.caughtUp().then(() => {
        isCaughtUp = true;
      });
      // In the meantime all that it is not to give could have come.
      for (let asked = 0; asked < 30; asked++) await held.log.read(0, 100);
      expect(held.follower.entries.length).toBeLessThan(1000);
      expect(isCaughtUp).toBe(false);
      held.follower.release();
      await caughtUp;
      expect(held.follower.entries.length).toBe(1000);
      expect(held.follower.entries).toEqual(free.follower.entries);
    });
  });

  describe('the history of a log', () => {
    test('is bounded by the number of events', async () => {
      const history = { events: 5 };
      const [a, b] = [await follow({ history }), await follow({ history })];
      for (const name of numbers(20)) await append(+name % 2 ? a.log : b.log, record(name));
      await Promise.all([a.follower.received(20), b.follower.received(20)]);
      const newest = a.follower.entries.slice(-5);
      expect((await a.log.read(0, 100)).map(plain)).toEqual(newest);
      expect((await b.log.read(0, 100)).map(plain)).toEqual(newest);
      expect(names(await b.log.read(0, 2))).toEqual(['16', '17']);
      // Nobody lost anything by it.
      expect([a, b].map(({ follower }) => follower.runs.length)).toEqual([1, 1]);
    });

    test('that goes by while a follower is not ready is told to it by a new begin, in the same life', async () => {
      const history = { events: 150 };
      const [held, free] = [await follow({ history }), await follow({ history })];
      held.follower.hold();
      for (let round = 1; round <= 10; round++) {
        await Promise.all(numbers(100).map((name) => append(free.log, record(name))));
        await free.follower.received(100 * round);
      }
      held.follower.release();
      await held.follower.until(() => held.follower.entries.at(-1)?.sequence === 1000);

      const { runs } = held.follower;
      expect(runs.length).toBeGreaterThan(1);
      let last = 0;
      for (const { epoch, head, entries } of runs) {
        expect(epoch).toBe(free.follower.run?.epoch);
        expect(head).toBeGreaterThanOrEqual(last);
        expect(entries.map(({ sequence }) => sequence)).toEqual(
          entries.map((_, index) => head + index + 1),
        );
        last = head + entries.length;
      }
      expect(free.follower.runs).toHaveLength(1);
    });

    test('is bounded by the age of the events', async () => {
      const history = { age: 1000 };
      const { log, follower } = await follow({ history });
      for (const name of ['a', 'b', 'c']) await append(log, record(name));
      await follower.received(3);
      await eventually(async () => {
        // Looks how far the engine is.
        await log.caughtUp();
        return (await log.read(0, 100)).length === 0;
      });
      expect(await append(log, record('d'))).toEqual({ epoch: follower.run?.epoch, sequence: 4 });
      await follower.received(4);
      expect(names(follower.entries)).toEqual(['a', 'b', 'c', 'd']);
      expect(follower.runs).toHaveLength(1);
    });

    test('holds what is younger', async () => {
      const { log } = await follow({ history: { age: 600_000 } });
      for (const name of ['a', 'b', 'c']) await append(log, record(name));
      await log.caughtUp();
      expect(names(await log.read(0, 100))).toEqual(['a', 'b', 'c']);
    });
  });

  describe('a log whose connections break', () => {
    test('gives every entry once and in order, and stores each once', async () => {
      const [a, b] = [await follow(), await follow({ direct: true })];
      const { accepted } = engine.proxy;
      const ids: Promise<EventId>[] = [];
      for (const n of numbers(250)) {
        ids.push(append(a.log, record(`a${n}`)));
        const id = append(b.log, record(`b${n}`));
        ids.push(id);
        if (+n % 25 === 0) await id;
        // While others are on their way.
        if (+n === 150) engine.proxy.cut();
      }
      await Promise.all(ids);
      await Promise.all([a.follower.received(500), b.follower.received(500)]);
      await a.follower.until(() => a.follower.isConnected);

      expect(engine.proxy.accepted).toBeGreaterThan(accepted);
      expect(a.follower.entries.map(({ sequence }) => String(sequence))).toEqual(numbers(500));
      expect(a.follower.entries).toEqual(b.follower.entries);
      const stored = names(a.follower.entries);
      const own = stored.filter((name) => name.startsWith('a'));
      expect(own).toEqual(numbers(250).map((n) => `a${n}`));
      expect([a, b].map(({ follower }) => follower.runs.length)).toEqual([1, 1]);
      const sequences = (await Promise.all(ids)).map(({ sequence }) => sequence);
      expect(new Set(sequences).size).toBe(sequences.length);
    });

    test('stores once, and in order, what it was given while the engine was away', async () => {
      const [a, b] = [await follow(), await follow({ direct: true })];
      await append(a.log, record('before'));
      leave();
      const ids = numbers(20).map((n) => append(a.log, record(`a${n}`)));
      for (const n of numbers(5)) await append(b.log, record(`b${n}`));
      comeBack();
      const sequences = (await Promise.all(ids)).map(({ sequence }) => sequence);
      await append(a.log, record('after'));
      await Promise.all([a.follower.received(27), b.follower.received(27)]);

      const expected = [
        'before',
        ...numbers(5).map((n) => `b${n}`),
        ...numbers(20).map((n) => `a${n}`),
        'after',
      ];
      expect(names(b.follower.entries)).toEqual(expected);
      expect(a.follower.entries).toEqual(b.follower.entries);
      expect(sequences).toEqual(numbers(20).map((n) => 6 + +n));
      expect(a.follower.runs).toHaveLength(1);
    });

    test('says that the engine is away, and rejects what can only be asked there', async () => {
      const { log, follower } = await follow();
      await append(log, record('a'));
      await follower.received(1);
      await follower.until(() => follower.isConnected);
      leave();
      const refusals = [log.read(0, 10), log.caughtUp()].map((asked) =>
        expect(asked).rejects.toThrow(),
      );
      await follower.until(() => !follower.isConnected);
      await Promise.all(refusals);
      comeBack();
      await follower.until(() => follower.isConnected);
      await log.caughtUp();
      expect(names(await log.read(0, 10))).toEqual(['a']);
      expect(follower.runs).toHaveLength(1);
    });

    test('begins again in the same life, where the history went by meanwhile', async () => {
      const history = { events: 5 };
      const [a, b] = [await follow({ history }), await follow({ history, direct: true })];
      for (const name of numbers(3)) await append(a.log, record(name));
      await a.follower.received(3);
      leave();
      for (const name of numbers(13).slice(3)) await append(b.log, record(name));
      comeBack();
      await a.follower.until(() => a.follower.entries.at(-1)?.sequence === 13);
      await append(a.log, record('14'));
      await a.follower.until(() => a.follower.entries.at(-1)?.sequence === 14);

      const epoch = b.follower.run?.epoch;
      expect(a.follower.runs.map(({ epoch, head }) => ({ epoch, head }))).toEqual([
        { epoch, head: 0 },
        { epoch, head: 8 },
      ]);
      expect(names(a.follower.runs[0]?.entries ?? [])).toEqual(numbers(3));
      expect(names(a.follower.runs[1]?.entries ?? [])).toEqual(numbers(14).slice(8));
      expect(b.follower.runs).toHaveLength(1);
    });

    test('rejects at once with the reason of a signal, and does not store what waited', async () => {
      const [a, b] = [await follow(), await follow({ direct: true })];
      await append(a.log, record('a'));
      leave();
      const first = append(a.log, record('b'));
      await turns(5);
      const controller = new AbortController();
      const reason = new Error('too late');
      const aborted = [append(a.log, record('never'), controller.signal)];
      aborted.push(append(a.log, record('never'), controller.signal));
      const last = append(a.log, record('c'));
      controller.abort(reason);
      await Promise.all(aborted.map((one) => expect(one).rejects.toBe(reason)));
      comeBack();
      await Promise.all([first, last]);
      await b.follower.received(3);
      await b.log.caughtUp();
      expect(names(b.follower.entries)).toEqual(['a', 'b', 'c']);
    });

    test('does not store what it was given while the engine was away, and nobody waits for any more', async () => {
      const { log, follower } = await follow();
      await append(log, record('a'));
      leave();
      const controller = new AbortController();
      const reason = new Error('too late');
      const aborted = append(log, record('never'), controller.signal);
      await turns(5);
      controller.abort(reason);
      await expect(aborted).rejects.toBe(reason);
      comeBack();
      await append(log, record('b'));
      await follower.until(() => names(follower.entries).includes('b'));
      expect(names(follower.entries)).toEqual(['a', 'b']);
    });
  });

  describe('a log that the engine has lost', () => {
    test('begins another epoch, with all that is appended from then on', async () => {
      const [a, b] = [await follow(), await follow({ direct: true })];
      for (const name of numbers(5)) await append(a.log, record(name));
      await Promise.all([a.follower.received(5), b.follower.received(5)]);
      const old = a.follower.run?.epoch;
      await engine.lose();
      const later = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
      const ids: EventId[] = [];
      for (const [index, name] of later.entries()) {
        ids.push(await append(index % 2 ? a.log : b.log, record(name)));
      }
      await Promise.all([a.follower.received(12), b.follower.received(12)]);

      for (const { runs } of [a.follower, b.follower]) {
        expect(runs).toHaveLength(2);
        const { epoch, head, entries } = runs[1] as Run;
        expect(epoch).not.toBe(old);
        expect(names(entries)).toEqual(later);
        const sequences = later.map((_, index) => head + index + 1);
        expect(entries.map(({ sequence }) => sequence)).toEqual(sequences);
        expect(ids).toEqual(sequences.map((sequence) => ({ epoch, sequence })));
      }
    });

    test('begins another epoch also if nothing is appended', async () => {
      const { log, follower } = await follow();
      for (const name of numbers(5)) await append(log, record(name));
      await follower.received(5);
      await engine.lose();
      await follower.until(() => follower.runs.length === 2);
      const [old, now] = follower.runs;
      expect(now?.epoch).not.toBe(old?.epoch);
      const id = await append(log, record('a'));
      await follower.received(6);
      expect(id).toEqual({ epoch: now?.epoch, sequence: follower.entries.at(-1)?.sequence });
      expect(names(await log.read(now?.head ?? 0, 10))).toEqual(['a']);
    });

    test('begins another epoch also if it had nothing yet', async () => {
      const [a, b] = [await follow(), await follow({ direct: true })];
      await engine.lose();
      await append(b.log, record('a'));
      await append(b.log, record('b'));
      for (const { follower } of [a, b]) {
        await follower.received(2);
        expect(names(follower.run?.entries ?? [])).toEqual(['a', 'b']);
      }
      expect(a.follower.run?.epoch).toBe(b.follower.run?.epoch);
    });

    test('tells it also of who was away then', async () => {
      const [a, b] = [await follow(), await follow({ direct: true })];
      for (const name of numbers(3)) await append(a.log, record(name));
      await Promise.all([a.follower.received(3), b.follower.received(3)]);
      const old = a.follower.run?.epoch;
      leave();
      await engine.lose();
      // More than it had: the same sequences are there, of other entries.
      const later = ['a', 'b', 'c', 'd', 'e'];
      for (const name of later) await append(b.log, record(name));
      comeBack();
      await Promise.all([a.follower.received(8), b.follower.received(8)]);
      for (const { runs } of [a.follower, b.follower]) {
        expect(runs).toHaveLength(2);
        expect(runs[1]?.epoch).not.toBe(old);
        expect(names(runs[1]?.entries ?? [])).toEqual(later);
      }
      expect(a.follower.runs).toEqual(b.follower.runs);
    });
  });

  describe('a log that is closed', () => {
    test('tells its follower nothing more, and takes nothing more', async () => {
      const [a, b] = [await follow(), await follow({ direct: true })];
      await append(a.log, record('a'));
      await Promise.all([a.follower.received(1), b.follower.received(1)]);
      await close(a.log);
      const calls = [...a.follower.calls];
      await expect(append(a.log, record('never'))).rejects.toMatchObject({
        code: 'ERR_SSE_CLOSED',
      });
      for (const name of numbers(5)) await append(b.log, record(name));
      await b.follower.received(6);
      expect(a.follower.calls).toEqual(calls);
      expect(names(b.follower.entries)).toEqual(['a', ...numbers(5)]);
    });

    test('rejects what is on its way into an engine that is away', async () => {
      const [a, b] = [await follow(), await follow({ direct: true })];
      await append(a.log, record('a'));
      leave();
      const refusals = numbers(10).map((name) =>
        expect(append(a.log, record(name))).rejects.toMatchObject({
          name: 'SseError',
          code: 'ERR_SSE_CLOSED',
        }),
      );
      await turns(5);
      await close(a.log);
      await Promise.all(refusals);
      comeBack();
      await append(b.log, record('b'));
      await b.follower.received(2);
      expect(names(b.follower.entries)).toEqual(['a', 'b']);
    });

    test('rejects who waits until its follower has caught up', async () => {
      const [a, b] = [await follow(), await follow({ direct: true })];
      a.follower.hold();
      await Promise.all(numbers(1000).map((name) => append(b.log, record(name))));
      const caughtUp = a.log.caughtUp().then(
        () => 'caught up',
        () => 'rejected',
      );
      // What was asked before has its answer as well, then.
      await a.log.read(0, 1);
      await close(a.log);
      expect(await Promise.race([caughtUp, turns(100)])).toBe('rejected');
    });
  });

  refusalContract(follow, engine);
}

/** What the engine refuses for good. */
function refusalContract(
  follow: (options?: OpenOptions) => Promise<Followed<SharedLog>>,
  engine: LogEngine,
): void {
  describe('what the engine refuses for good', () => {
    test('rejects with the cause, and the log goes on', async () => {
      const [a, b] = [await follow(), await follow({ direct: true })];
      await append(a.log, record('a'));
      const refused = await engine.refuse();
      try {
        await expect(append(a.log, refused)).rejects.toMatchObject({
          name: 'SseError',
          code: 'ERR_SSE_LOG_REFUSED',
          cause: expect.objectContaining({ message: expect.any(String) }),
        });
      } finally {
        await engine.accept();
      }
      expect(await append(a.log, record('b'))).toMatchObject({ sequence: 2 });
      await Promise.all([a.follower.received(2), b.follower.received(2)]);
      expect(names(b.follower.entries)).toEqual(['a', 'b']);
      expect([a, b].map(({ follower }) => follower.runs.length)).toEqual([1, 1]);
    });
  });
}

/** A record by whose fields it is known again. */
function record(name: string, others: Omit<LogRecord, 'fields'> = {}): LogRecord {
  return { fields: Buffer.from(`data: ${name}\n`), ...others };
}

/** The entry, its bytes as a text that is quick to compare. */
function text({ sequence, fields, rooms, conflate }: LogEntry): object {
  return { sequence, fields: fields.toString('latin1'), rooms, conflate };
}

function names(entries: readonly LogRecord[]): string[] {
  return entries.map(({ fields }) => fields.toString().slice('data: '.length, -1));
}

/** From 1, as names. */
function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index + 1));
}

async function append(
  log: Log,
  one: LogRecord,
  signal: AbortSignal = new AbortController().signal,
): Promise<EventId> {
  return log.append(one, signal);
}

/** Lets so many turns of the event loop pass. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Looks again and again whether something that nobody tells is so. */
export async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`it did not come about: ${isSo}`);
    await sleep(20);
  }
}
