import fc from 'fast-check';
import { frameEvent } from '../../lib/frame.js';
import type { Reader } from '../../lib/window/held.js';
import { Ring, type RingBounds } from '../../lib/window/ring.js';

/** The bytes one batch joins at most. */
const BATCH = 64 * 1024;
const NO_BOUND = Number.POSITIVE_INFINITY;

const range = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);

const nowhere: ReadonlySet<string> = new Set();

/** A reader in no room, at this position. */
function reader(position: number): Reader {
  return { id: 'r', position, rooms: nowhere, conflates: false, joinedAt: 0, stateTo: 0 };
}

/** A ring whose log begins behind the entry `head`. */
function ringFrom(head: number, epoch = 'e'): Ring {
  const ring = new Ring();
  ring.begin(epoch, head);
  return ring;
}

/** Adds as many entries, with the fields of an event. */
function fill(ring: Ring, count: number, fields = (sequence: number) => `data: ${sequence}\n`) {
  for (let added = 0; added < count; added++) {
    const sequence = ring.head + 1;
    ring.push({ sequence, fields: Buffer.from(fields(sequence)) });
  }
  return ring;
}

/** Adds an entry whose frame has just this size. */
function pushFrame(ring: Ring, size: number): void {
  const sequence = ring.head + 1;
  const around = frameEvent(ring.idOf(sequence), Buffer.alloc(0)).length;
  ring.push({
    sequence,
    fields: Buffer.alloc(size - around, `${'x'.repeat(size - around - 1)}\n`),
  });
}

/** The sequences of the entries that a reader gets after its position, batch by batch. */
function read(ring: Ring, position: number, end = ring.head): number[][] {
  const batches: number[][] = [];
  for (let at = position; at < end; ) {
    const batch = ring.take(reader(at), end);
    const ids = [...batch.bytes.toString('latin1').matchAll(/^id: e\.(\d+)$/gm)];
    batches.push(ids.map((id) => Number(id[1])));
    expect(batch.last).toBe(batches.at(-1)?.at(-1));
    expect(batch.last).toBeGreaterThan(at);
    at = batch.last;
  }
  return batches;
}

function trimmed(count: number, upTo: number, bounds: Partial<RingBounds>): Ring {
  const ring = fill(ringFrom(0), count);
  ring.trim(upTo, { events: NO_BOUND, bytes: NO_BOUND, ...bounds });
  return ring;
}

describe('what a ring holds', () => {
  test('at first it is nothing, at the place where the log begins', () => {
    const ring = ringFrom(41);
    expect([ring.trimmedTo, ring.head]).toEqual([41, 41]);
  });

  test('each entry moves the head by one, and the tail stays until the ring is trimmed', () => {
    const ring = fill(ringFrom(41), 3);
    expect([ring.trimmedTo, ring.head]).toEqual([41, 44]);
  });

  test('an entry is kept as the frame that goes out, and its size is told', () => {
    const ring = ringFrom(41);
    const fields = Buffer.from('event: a\ndata: ø\n');
    const frame = 'event: a\ndata: ø\nid: e.42\n\n';
    expect(ring.push({ sequence: 42, fields }).bytes).toBe(Buffer.byteLength(frame));
    expect(ring.take(reader(41), 42).bytes.toString()).toBe(frame);
  });

  test('an id is made of the epoch and the sequence', () => {
    expect(ringFrom(0, 'Zk3~').idOf(7)).toBe('Zk3~.7');
  });
});

describe('trimming', () => {
  test('drops the oldest entries beyond the number of events', () => {
    expect(trimmed(10, 10, { events: 4 }).trimmedTo).toBe(6);
    expect(trimmed(10, 10, { events: 0 }).trimmedTo).toBe(10);
    expect(trimmed(10, 10, { events: 10 }).trimmedTo).toBe(0);
  });

  test('drops the oldest entries beyond the number of bytes, which counts more than the frames', () => {
    // A frame of 20 bytes and the objects around it, about 200 bytes.
    const size = frameEvent('e.1', Buffer.from('data: 1\n')).length + 200;
    expect(trimmed(9, 9, { bytes: 9 * size }).trimmedTo).toBe(0);
    expect(trimmed(9, 9, { bytes: 9 * size - 1 }).trimmedTo).toBe(1);
    expect(trimmed(9, 9, { bytes: 3 * size }).trimmedTo).toBe(6);
    expect(trimmed(9, 9, { bytes: size - 1 }).trimmedTo).toBe(9);
    expect(trimmed(9, 9, { bytes: 0 }).trimmedTo).toBe(9);
  });

  test('heeds each bound by itself', () => {
    const size = frameEvent('e.1', Buffer.from('data: 1\n')).length + 200;
    expect(trimmed(9, 9, { events: 2, bytes: 5 * size }).trimmedTo).toBe(7);
    expect(trimmed(9, 9, { events: 5, bytes: 2 * size }).trimmedTo).toBe(7);
  });

  test('drops nothing above the entry that was offered to all', () => {
    expect(trimmed(10, 3, { events: 4 }).trimmedTo).toBe(3);
    expect(trimmed(10, 3, { bytes: 0 }).trimmedTo).toBe(3);
    expect(trimmed(10, 0, { events: 0, bytes: 0 }).trimmedTo).toBe(0);
  });

  test('may be told of an entry that is long gone', () => {
    const ring = trimmed(10, 10, { events: 4 });
    ring.trim(3, { events: 0, bytes: 0 });
    expect(ring.trimmedTo).toBe(6);
  });

  test('frees the bytes of what it drops', () => {
    const ring = ringFrom(0);
    for (const round of range(1, 20)) {
      fill(ring, 10, () => `data: ${'x'.repeat(1000)}\n`);
      ring.trim(ring.head, { events: NO_BOUND, bytes: 5000 });
      expect(ring.head - ring.trimmedTo).toBe(4);
      expect(ring.head).toBe(round * 10);
    }
  });

  test('leaves what is left readable', () => {
    expect(read(trimmed(200, 200, { events: 70 }), 130)).toEqual([range(131, 200)]);
  });
});

describe('taking', () => {
  test('joins the frames above the position, as they would go out one by one', () => {
    const ring = fill(ringFrom(0), 3);
    expect(ring.take(reader(0), 3).bytes.toString()).toBe(
      'data: 1\nid: e.1\n\ndata: 2\nid: e.2\n\ndata: 3\nid: e.3\n\n',
    );
    expect(ring.take(reader(1), 3).bytes.toString()).toBe(
      'data: 2\nid: e.2\n\ndata: 3\nid: e.3\n\n',
    );
  });

  test('stops at the end it is given, whatever lies behind it', () => {
    expect(read(fill(ringFrom(0), 10), 2, 5)).toEqual([[3, 4, 5]]);
  });

  test('fills a batch to 64 KiB and not a byte beyond', () => {
    const ring = ringFrom(0);
    for (const size of [BATCH - 100, 100, 101, BATCH - 101, 100, 101, BATCH - 200]) {
      pushFrame(ring, size);
    }
    // 100 more bytes fit behind the first, 101 do not behind the fifth and sixth.
    expect(read(ring, 0)).toEqual([[1, 2], [3, 4], [5, 6], [7]]);
    expect(ring.take(reader(0), ring.head).bytes).toHaveLength(BATCH);
  });

  test('gives a frame of more than 64 KiB alone, without a copy', () => {
    const ring = ringFrom(0);
    for (const size of [100, BATCH + 1, 10 * BATCH, 100, 100]) pushFrame(ring, size);
    expect(read(ring, 0)).toEqual([[1], [2], [3], [4, 5]]);
    expect(ring.take(reader(1), 2).bytes).toBe(ring.take(reader(1), 5).bytes);
  });

  test('gives clients at the same position the very same batch', () => {
    const ring = fill(ringFrom(0), 10);
    const batch = ring.take(reader(3), 10);
    expect(ring.take(reader(3), 10)).toBe(batch);
    ring.trim(10, { events: 2, bytes: NO_BOUND });
    expect(ring.take(reader(3), 10)).toBe(batch);
  });

  test('gives another batch for another position and for another end', () => {
    const ring = fill(ringFrom(0), 10);
    expect(read(ring, 3, 10)).toEqual([range(4, 10)]);
    expect(read(ring, 4, 10)).toEqual([range(5, 10)]);
    expect(read(ring, 4, 9)).toEqual([range(5, 9)]);
    fill(ring, 1);
    expect(read(ring, 4)).toEqual([range(5, 11)]);
  });

  test('whatever is added, trimmed and read, a reader gets the entries after its position, in order', () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ sizes: fc.array(fc.integer({ min: 64, max: 40_000 })) }),
      },
      { weight: 1, arbitrary: fc.record({ size: fc.integer({ min: BATCH - 2, max: 2 * BATCH }) }) },
      { weight: 2, arbitrary: fc.record({ events: fc.nat(20), upTo: fc.nat(60) }) },
      { weight: 4, arbitrary: fc.record({ from: fc.nat(), to: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.nat(1000), fc.array(step, { size: 'medium' }), (begin, steps) => {
        const ring = ringFrom(begin);
        const sizes = new Map<number, number>();
        const push = (size: number) => {
          pushFrame(ring, size);
          sizes.set(ring.head, size);
        };
        for (const step of steps) {
          if ('sizes' in step) step.sizes.forEach(push);
          else if ('size' in step) push(step.size);
          else if ('upTo' in step) {
            const tail = Math.max(
              ring.trimmedTo,
              Math.min(begin + step.upTo, ring.head - step.events),
            );
            ring.trim(begin + step.upTo, { events: step.events, bytes: NO_BOUND });
            expect(ring.trimmedTo).toBe(tail);
          } else {
            const position = ring.trimmedTo + (step.from % (ring.head - ring.trimmedTo + 1));
            const end = position + (step.to % (ring.head - position + 1));
            const batches = read(ring, position, end);
            expect(batches.flat()).toEqual(range(position + 1, end));
            for (const [index, batch] of batches.entries()) {
              const size = (entries: number[]) =>
                entries.reduce((sum, entry) => sum + (sizes.get(entry) as number), 0);
              const next = batches[index + 1]?.slice(0, 1) ?? [];
              expect(batch.length === 1 || size(batch) <= BATCH).toBe(true);
              expect(next.length === 0 || size([...batch, ...next]) > BATCH).toBe(true);
            }
          }
        }
      }),
    );
  });
});

describe('where a client starts to read', () => {
  /** Holds the entries 7 to 12. */
  const ring = trimmed(12, 12, { events: 6 });

  test.each([
    ['the head', 'e.12', 12],
    ['an entry that is held', 'e.9', 9],
    ['the last entry that was dropped, from which nothing is missing', 'e.6', 6],
  ])('with the id of %s, right behind it', (_what, id, position) => {
    expect(ring.locate(id, nowhere)).toEqual({ position });
  });

  test.each([
    ['of an entry just before those', 'e.5', { reason: 'trimmed', missed: 1 }],
    ['from before the first entry', 'e.0', { reason: 'trimmed', missed: 6 }],
    ['of another epoch of the log', 'other.9', { reason: 'epoch' }],
    ['of another epoch of the log that differs in case', 'E.9', { reason: 'epoch' }],
    ['of an entry that is yet to come', 'e.13', { reason: 'ahead' }],
  ])('with an id %s, at what is left, and the gap is told', (_what, id, gap) => {
    expect(ring.locate(id, nowhere)).toEqual({ position: 6, gap });
  });

  test.each([
    ['that is none', 'hello', { reason: 'malformed' }],
    ['that is almost one', 'e.09', { reason: 'malformed' }],
    ['of a sequence that no number holds', 'e.9007199254740993', { reason: 'malformed' }],
    ['of 64 characters that is none', 'x'.repeat(64), { reason: 'malformed' }],
    ['of 65 characters', 'x'.repeat(65), { reason: 'oversized' }],
    ['of a megabyte', 'e.1'.repeat(350_000), { reason: 'oversized' }],
  ])('with an id %s, nowhere, and the gap is told', (_what, id, gap) => {
    expect(ring.locate(id, nowhere)).toEqual({ position: undefined, gap });
  });

  test('of a log that goes back further than the ring, entries from before it are missed', () => {
    const late = fill(ringFrom(100), 2);
    expect(late.locate('e.98', nowhere)).toEqual({
      position: 100,
      gap: { reason: 'trimmed', missed: 2 },
    });
    expect(late.locate('e.100', nowhere)).toEqual({ position: 100 });
  });

  test('of an empty log, at its beginning', () => {
    expect(ringFrom(0).locate('e.0', nowhere)).toEqual({ position: 0 });
    expect(ringFrom(0).locate('e.1', nowhere)).toEqual({ position: 0, gap: { reason: 'ahead' } });
  });

  test('is a position with which nothing is lost: what is missed and what is left add up', () => {
    fc.assert(
      fc.property(fc.nat(12), fc.nat(12), (had, events) => {
        const ring = trimmed(12, 12, { events });
        const { position, gap } = ring.locate(ring.idOf(had), nowhere);
        expect(had + (gap?.missed ?? 0) + read(ring, position as number).flat().length).toBe(12);
        expect(gap?.missed).not.toBe(0);
      }),
    );
  });
});

describe('names count', () => {
  test('towards the bytes of the history: those of rooms, and conflation keys', () => {
    const ring = ringFrom(0);
    const rooms = range(1, 1000).map((room) => `room ${room}`);
    for (const sequence of range(1, 100)) {
      ring.push({ sequence, fields: Buffer.from('data: x\n'), rooms });
    }
    ring.trim(100, { events: NO_BOUND, bytes: 1_000_000 });
    expect(ring.size).toBeGreaterThan(10);
    expect(ring.size).toBeLessThan(40);
    const conflate = 'k'.repeat(100_000);
    for (const sequence of range(101, 200)) {
      ring.push({ sequence, fields: Buffer.from('data: x\n'), conflate: `${conflate}${sequence}` });
    }
    ring.trim(200, { events: NO_BOUND, bytes: 1_000_000 });
    expect(ring.size).toBeLessThan(10);
  });

  test('for nothing once their events are dropped: a loss is known exactly, however long the names are', () => {
    const ring = ringFrom(0);
    const names = range(1, 20).map((number) => `${number}`.padStart(100_000, 'x'));
    for (const [index, name] of names.entries()) {
      ring.push({ sequence: index + 1, fields: Buffer.from('data: x\n'), rooms: [name] });
    }
    ring.trim(20, { events: 0, bytes: 0 });
    expect(ring.gapAbove(0, ['a room without any event'])).toBeUndefined();
    expect(ring.gapAbove(6, names.slice(0, 6))).toBeUndefined();
    expect(ring.gapAbove(6, names.slice(0, 7))).toEqual({ reason: 'trimmed', missed: undefined });
  });
});
