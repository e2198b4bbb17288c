import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import type { Log, LogRecord } from '../../lib/log/log.js';
import type { RoomyLogHistoryOptions } from '../../lib/log/shared/options.js';
import { redisLog } from '../../lib/redis/redis-log.js';
import { Random } from '../support/attacks/random.js';
import { stopEngines } from '../support/engine.js';
import { describeWith } from '../support/needs.js';
import { range } from '../support/range.js';
import { REDIS, type RedisServer, redisServer } from '../support/redis-server.js';
import { appendAll, begun, readAll, roomContract } from '../support/room-contract.js';

const fields = Buffer.from('data: x\n');

describeWith(REDIS, 'rooms in Redis', (path) => {
  let server: RedisServer;
  let prefix = '';
  const logs: Log[] = [];

  beforeAll(async () => {
    server = redisServer(path);
    await server.start();
  });

  beforeEach(() => {
    prefix = randomUUID();
  });

  afterEach(async () => {
    for (const log of logs.splice(0)) await log.close?.();
  });

  afterAll(stopEngines);

  async function open(history: RoomyLogHistoryOptions = {}): Promise<Log> {
    const log = redisLog(createClient({ url: server.url }), { prefix, history });
    logs.push(log);
    return log;
  }

  const key = (name: string) => `sse:{${prefix}}:${name}`;

  roomContract(open);

  test('keep their newest events when the log has dropped them, and know what they have dropped', async () => {
    const { log } = await begun(await open({ events: 10, room: { events: 3 } }));
    await appendAll(
      log,
      range(5).map(() => ({ fields, rooms: ['quiet'] })),
    );
    await appendAll(log, [{ fields }]);
    await appendAll(
      log,
      range(50).map(() => ({ fields, rooms: ['noisy'] })),
    );
    // What is beyond the bounds goes with the next event.
    await appendAll(log, [{ fields, rooms: ['quiet'] }]);
    const quiet = await log.readRooms(0, 100, ['quiet']);
    expect(quiet.entries.map(({ sequence }) => sequence)).toEqual([4, 5, 57]);
    expect(quiet.lost).toBe(6);
    expect((await log.readRooms(6, 100, ['quiet'])).lost).toBe(0);
    expect((await log.readRooms(3, 100, ['quiet'])).lost).toBe(6);
    const noisy = await log.readRooms(0, 100, ['noisy']);
    expect(noisy.entries).toHaveLength(10);
    expect(noisy.lost).toBe(46);
    expect((await log.readRooms(6, 100, ['a room without an event'])).lost).toBe(0);
  });

  test('keep what a simple model says, and say what is lost, over 3000 random events', async () => {
    const bounds = { events: 40, room: { events: 4 } };
    const { log } = await begun(await open(bounds));
    const random = new Random(11);
    const all: (LogRecord & { sequence: number })[] = [];
    const lost = new Map<string, number>();
    const kept = new Map<string, number[]>();
    const names = range(12).map((index) => `room ${index}`);
    const room = () => names[Math.floor((random.below(12) * random.below(100)) / 100)] as string;
    let checked = 0;
    while (all.length < 3000) {
      const records = range(1 + random.below(20)).map(() => {
        const kind = random.below(10);
        const rooms = kind < 2 ? undefined : kind < 8 ? [room()] : [room(), room()];
        return { fields, ...(rooms && { rooms }) };
      });
      await appendAll(log, records);
      const touched = new Set<string>(['']);
      for (const record of records) {
        const sequence = all.length + 1;
        all.push({ ...record, sequence });
        for (const name of new Set(record.rooms ?? [''])) {
          kept.set(name, [...(kept.get(name) ?? []), sequence]);
          touched.add(name);
        }
      }
      const left = all.length - bounds.events;
      for (const name of touched) {
        const own = kept.get(name) ?? [];
        const most = name === '' ? 0 : bounds.room.events;
        const stays = own.filter((one, index) => one > left || index >= own.length - most);
        const gone = own[own.length - stays.length - 1];
        if (gone !== undefined) lost.set(name, gone);
        kept.set(name, stays);
      }
      // Rooms that nothing was sent to keep more than they have to, which only these rooms show.
      const asked = range(random.below(3))
        .map(room)
        .filter((name) => touched.has(name));
      const position = Math.max(
        0,
        all.length - random.below(random.below(4) === 0 ? all.length : 80),
      );
      const page = await readAll(log, position, asked, 1 + random.below(50));
      const due = [...new Set(['', ...asked].flatMap((name) => kept.get(name) ?? []))];
      expect(page.entries.map(({ sequence }) => sequence)).toEqual(
        due.filter((sequence) => sequence > position).sort((one, other) => one - other),
      );
      const last = Math.max(...['', ...asked].map((name) => lost.get(name) ?? 0));
      expect(page.lost > position).toBe(last > position);
      checked++;
    }
    expect(checked).toBeGreaterThan(200);
  });

  test('are forgotten when nothing was sent to them for as long as they keep their events', async () => {
    const { log } = await begun(await open({ events: 5, room: { events: 3, age: 3000 } }));
    await appendAll(
      log,
      range(2).map(() => ({ fields, rooms: ['a'] })),
    );
    expect(Number(await server.command('PTTL', key('room:a')))).toBeGreaterThan(0);
    await appendAll(
      log,
      range(20).map(() => ({ fields })),
    );
    while (Number(await server.command('EXISTS', key('room:a'))) === 1) await sleep(100);
    await appendAll(log, [{ fields }]);
    const page = await log.readRooms(1, 100, ['a']);
    expect(page.entries).toHaveLength(5);
    // What it had is not known any more: a client from before that has a gap, and no other.
    expect(page.lost).toBeGreaterThan(1);
    expect((await log.readRooms(19, 100, ['a'])).lost).toBe(0);
  });

  test('that are forgotten are given what the log has of them all the same', async () => {
    const { log } = await begun(await open({ room: { age: 2000 } }));
    await appendAll(log, [{ fields, rooms: ['a'] }, { fields, rooms: ['b'] }, { fields }]);
    while (Number(await server.command('EXISTS', key('room:a'))) === 1) await sleep(100);
    const sequences = async () =>
      (await readAll(log, 0, ['a'], 2)).entries.map(({ sequence }) => sequence);
    expect(await sequences()).toEqual([1, 3]);
    await appendAll(log, [
      { fields, rooms: ['b'] },
      { fields, rooms: ['a'] },
    ]);
    expect(await sequences()).toEqual([1, 3, 5]);
    expect((await log.readRooms(0, 100, ['a'])).lost).toBe(0);
    expect(await log.last(2, ['a'])).toBe(2);
    expect(await log.last(3, ['a'])).toBe(0);
  });

  test('lie where a cluster keeps the log', async () => {
    const { log } = await begun(await open());
    await appendAll(log, [{ fields, rooms: ['}{', 'a b'] }, { fields }]);
    const keys = (await server.command('KEYS', key('*'))) as string[];
    expect(keys).toEqual(expect.arrayContaining([key('room:}{'), key('room:a b'), key('all')]));
  });

  test('of a log that an older version has written are read, and what it writes beside this one', async () => {
    const old = async (sequence: number, rooms?: string) => {
      const epoch = String(await server.command('HGET', key('meta'), 'epoch'));
      const more = rooms === undefined ? [] : ['r', rooms];
      await server.command(
        'XADD',
        ...[key('log'), `${sequence}-0`, 'e', epoch, 'w', `old:${sequence}`],
        ...['t', String(Date.now()), 'd', `data: ${sequence}\n`, ...more],
      );
      await server.command('HSET', key('meta'), 'head', String(sequence));
    };
    await server.command('HSET', key('meta'), 'epoch', 'oldepoch', 'head', '0', 'start', '0');
    await old(1);
    await old(2, '["a"]');
    await old(3, '["b"]');
    const { log } = await begun(await open());
    const sequences = async (rooms: string[], after = 0) =>
      (await readAll(log, after, rooms, 2)).entries.map(({ sequence }) => sequence);
    expect(await sequences(['a'])).toEqual([1, 2]);
    await appendAll(log, [{ fields, rooms: ['a'] }, { fields }]);
    expect(await sequences(['a'])).toEqual([1, 2, 4, 5]);
    await old(6, '["a"]');
    await old(7);
    expect(await sequences(['a'], 3)).toEqual([4, 5, 6, 7]);
    await appendAll(log, [
      { fields, rooms: ['a', 'b'] },
      { fields, rooms: ['a'], isEphemeral: true },
    ]);
    expect(await sequences(['a'])).toEqual([1, 2, 4, 5, 6, 7, 8]);
    expect(await sequences(['b'], 2)).toEqual([3, 5, 7, 8]);
    expect(await log.last(3, ['a'])).toBe(5);
    expect(await log.last(Number.POSITIVE_INFINITY, ['b'])).toBe(0);
  });

  test('go on behind what is left of a log that was deleted by hand', async () => {
    const { log } = await begun(await open());
    await appendAll(
      log,
      range(9).map(() => ({ fields, rooms: ['a'] })),
    );
    await server.command('DEL', key('log'), key('meta'));
    await appendAll(log, [{ fields, rooms: ['a'] }, { fields }]);
    await log.caughtUp?.();
    const { entries } = await readAll(log, 0, ['a'], 10);
    expect(entries).toHaveLength(2);
  });
});
