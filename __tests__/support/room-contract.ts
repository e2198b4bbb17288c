import { setMaxListeners } from 'node:events';
import type { Log, LogEntry, LogRecord } from '../../lib/log/log.js';
import type { RoomyLogHistoryOptions } from '../../lib/log/shared/options.js';
import { Random } from './attacks/random.js';
import { range } from './range.js';
import { RecordingFollower } from './recording-follower.js';

/** Nobody stops to wait. */
const NEVER = new AbortController().signal;
// Each log of a suite listens to it.
setMaxListeners(0, NEVER);

const ROOMS = ['a', 'b', 'c', 'ö/ }{*>', 'x'.repeat(256)];

type Rooms = Required<Pick<Log, 'readRooms' | 'last'>> & Log;

/** A log that has begun. */
export async function begun(log: Log): Promise<{ log: Rooms; follower: RecordingFollower }> {
  const follower = new RecordingFollower();
  log.follow(follower);
  await follower.begun();
  return { log: log as Rooms, follower };
}

export function appendAll(log: Log, records: readonly LogRecord[]): Promise<unknown> {
  return Promise.all(records.map((record) => log.append(record, NEVER)));
}

export const isIn =
  (rooms: readonly string[]) =>
  (record: LogRecord): boolean =>
    !record.isEphemeral && (record.rooms?.some((room) => rooms.includes(room)) ?? true);

/** Records for everybody, for rooms and for several, some of them ephemeral. */
export function randomRecords(random: Random, count: number): LogRecord[] {
  return range(count).map((index) => {
    const kind = random.below(10);
    const rooms = range(1 + random.below(3)).map(() => random.one(ROOMS));
    return {
      fields: Buffer.from(`data: ${index}\n`),
      ...(kind > 1 && { rooms }),
      ...(kind === 9 && { isEphemeral: true }),
      ...(kind === 8 && { except: 'a client', conflate: 'key' }),
    };
  });
}

/** All that is for these rooms, page by page. */
export async function readAll(
  log: Rooms,
  after: number,
  rooms: readonly string[],
  limit: number,
): Promise<{ entries: LogEntry[]; through: number; lost: number }> {
  const entries: LogEntry[] = [];
  const head = (await log.readRooms(after, Number.MAX_SAFE_INTEGER, rooms)).through;
  for (let [reached, lost] = [after, 0]; ; ) {
    const page = await log.readRooms(reached, limit, rooms);
    expect(page.entries.length).toBeLessThanOrEqual(limit);
    entries.push(...page.entries);
    lost = Math.max(lost, page.lost);
    if (page.through >= head) return { entries, through: page.through, lost };
    expect(page.through).toBeGreaterThan(reached);
    reached = page.through;
  }
}

/** What every log does that knows the rooms of its entries. `open` gives one object of the test's log. */
export function roomContract(open: (history?: RoomyLogHistoryOptions) => Promise<Log>): void {
  describe('a log that knows its rooms', () => {
    test('gives what is for some rooms, or for everybody: once, in order, and nothing that is ephemeral', async () => {
      const { log, follower } = await begun(await open());
      const random = new Random(7);
      await appendAll(log, randomRecords(random, 300));
      await follower.received(300);
      for (const rooms of [[], ['a'], ['a', 'b'], ROOMS, ['a room without an event']]) {
        for (const after of [0, 1, 150, 299, 300]) {
          const { entries, through, lost } = await readAll(log, after, rooms, 7);
          const due = follower.entries
            .filter(isIn(rooms))
            .filter(({ sequence }) => sequence > after);
          expect(entries.map(({ sequence }) => sequence)).toEqual(
            due.map(({ sequence }) => sequence),
          );
          expect(entries.map(({ fields }) => String(fields))).toEqual(
            due.map(({ fields }) => String(fields)),
          );
          expect(through).toBeGreaterThanOrEqual(300);
          expect(lost).toBe(0);
        }
      }
    });

    test('finds the place before the newest entries for some rooms, or for everybody', async () => {
      const { log, follower } = await begun(await open());
      await appendAll(log, randomRecords(new Random(8), 200));
      await follower.received(200);
      for (const rooms of [[], ['a'], ['b', 'c']]) {
        const due = follower.entries.filter(isIn(rooms)).map(({ sequence }) => sequence);
        for (const count of [1, 2, 20, due.length]) {
          const last = await log.last(count, rooms);
          expect([count, due.filter((sequence) => sequence > last).length]).toEqual([count, count]);
        }
        for (const count of [due.length + 1, Number.POSITIVE_INFINITY]) {
          const last = await log.last(count, rooms);
          expect(due.filter((sequence) => sequence > last)).toEqual(due);
        }
        expect(await log.last(0, rooms)).toBe(200);
      }
    });

    test('keeps whom an entry is not for, and that it is ephemeral', async () => {
      const { log, follower } = await begun(await open());
      const raw: LogEntry[] = [];
      const { entry } = follower;
      follower.entry = (one) => {
        raw.push(one);
        entry.call(follower, one);
      };
      const fields = Buffer.from('data: x\n');
      await appendAll(log, [
        { fields, except: 'somebody', rooms: ['a'] },
        { fields, isEphemeral: true },
      ]);
      await follower.received(2);
      expect(raw).toMatchObject([{ except: 'somebody', rooms: ['a'] }, { isEphemeral: true }]);
      expect(await log.read?.(0, 10)).toMatchObject([
        { except: 'somebody' },
        { isEphemeral: true },
      ]);
    });

    test('says that something is lost where it was for these rooms', async () => {
      const { log } = await begun(await open({ events: 10 }));
      const fields = Buffer.from('data: x\n');
      await appendAll(
        log,
        range(140).map(() => ({ fields, rooms: ['a'] })),
      );
      await log.caughtUp?.();
      expect((await log.readRooms(0, 100, ['a'])).lost).toBeGreaterThanOrEqual(30);
      expect((await log.readRooms(130, 100, ['a'])).lost).toBe(0);
    });
  });
}
