import type { Reader } from '../../lib/window/held.js';
import { Ring } from '../../lib/window/ring.js';
import { Random } from '../support/attacks/random.js';
import { heldBytes } from '../support/memory.js';
import { range } from '../support/range.js';

const NO_BOUND = Number.POSITIVE_INFINITY;

function ringOf(roomEvents: number): Ring {
  const ring = new Ring(false, roomEvents);
  ring.begin('e', 0);
  return ring;
}

function readerAt(position: number, rooms: readonly string[], more: Partial<Reader> = {}): Reader {
  const joinedAt = Number.POSITIVE_INFINITY;
  return {
    id: 'r',
    position,
    rooms: new Set(rooms),
    conflates: false,
    joinedAt,
    stateTo: 0,
    ...more,
  };
}

function push(
  ring: Ring,
  rooms?: readonly string[],
  more: { conflate?: string; isEphemeral?: boolean } = {},
): void {
  const sequence = ring.head + 1;
  ring.push({ sequence, fields: Buffer.from(`data: ${sequence}\n`), rooms, ...more });
}

/** The sequences that a reader is given. */
function read(ring: Ring, reader: Reader): number[] {
  const got: number[] = [];
  for (let at = reader.position; at < ring.head; ) {
    const batch = ring.take({ ...reader, position: at }, ring.head);
    const ids = [...batch.bytes.toString('latin1').matchAll(/^id: e\.(\d+)$/gm)];
    got.push(...ids.map((id) => Number(id[1])));
    expect(batch.last).toBeGreaterThan(at);
    at = batch.last;
  }
  return got;
}

interface Entry {
  readonly sequence: number;
  readonly rooms: readonly string[] | undefined;
  readonly key: string | undefined;
  readonly isEphemeral: boolean;
}

/** The same history, kept in the most simple way there is. */
class Model {
  readonly all: Entry[] = [];
  readonly lost = new Map<string, number>();
  readonly newest = new Map<string, number>();
  readonly #kept = new Map<string, Entry[]>();
  #recent: Entry[] = [];
  #left = 0;

  constructor(
    readonly events: number,
    readonly roomEvents: number,
  ) {}

  push(entry: Entry): void {
    this.all.push(entry);
    if (entry.key !== undefined) this.newest.set(entry.key, entry.sequence);
    if (entry.isEphemeral) return;
    this.#recent.push(entry);
    for (const room of entry.rooms ?? ['']) {
      this.#kept.set(room, [...(this.#kept.get(room) ?? []), entry]);
      this.#trimRoom(room);
    }
  }

  trim(): void {
    const gone = this.#recent.slice(0, Math.max(0, this.#recent.length - this.events));
    this.#recent = this.#recent.slice(gone.length);
    this.#left = gone.at(-1)?.sequence ?? this.#left;
    for (const room of this.#kept.keys()) this.#trimRoom(room);
  }

  #trimRoom(room: string): void {
    const entries = this.#kept.get(room) ?? [];
    const most = room === '' ? 0 : this.roomEvents;
    const kept = entries.filter(
      ({ sequence }, index) => sequence > this.#left || index >= entries.length - most,
    );
    for (const entry of entries.slice(0, entries.length - kept.length)) {
      if (!this.isReplaced(entry)) this.lost.set(room, entry.sequence);
    }
    this.#kept.set(room, kept);
  }

  isReplaced({ key, sequence }: Entry): boolean {
    return key !== undefined && (this.newest.get(key) as number) > sequence;
  }

  isLost(position: number, rooms: readonly string[]): boolean {
    return ['', ...rooms].some((room) => (this.lost.get(room) ?? 0) > position);
  }

  due({ position, rooms, conflates }: Reader): number[] {
    const found = ['', ...rooms].flatMap((room) => this.#kept.get(room) ?? []);
    return [...new Set(found)]
      .filter((entry) => entry.sequence > position && !(conflates && this.isReplaced(entry)))
      .map(({ sequence }) => sequence)
      .sort((one, other) => one - other);
  }
}

describe('what is kept, given and missed is what a simple model says, in 100 000 steps', () => {
  test.each([
    ['few rooms, that keep some', 40, 5, 6],
    ['many rooms, that keep one', 30, 1, 4000],
    ['rooms that keep nothing of their own', 50, 0, 10],
    ['a history of nothing but what rooms keep', 0, 8, 12],
  ])('%s', (_what, events, roomEvents, rooms) => {
    const random = new Random(events + rooms);
    const ring = ringOf(roomEvents);
    const model = new Model(events, roomEvents);
    const room = () => `room ${Math.floor((random.below(rooms) * random.below(100)) / 100)}`;
    let [gaps, none] = [0, 0];
    for (let step = 0; step < 25_000; step++) {
      const kind = random.below(10);
      const names = kind < 2 ? undefined : kind < 8 ? [room()] : [room(), room()];
      const isEphemeral = random.below(5) === 0;
      const conflate = random.below(4) === 0 ? `key ${random.below(5)}` : undefined;
      const distinct = names && [...new Set(names)];
      const key =
        conflate && JSON.stringify([isEphemeral, conflate, distinct && [...distinct].sort()]);
      push(ring, names, { ...(conflate && { conflate }), isEphemeral });
      model.push({ sequence: ring.head, rooms: distinct, key, isEphemeral });
      if (random.below(3) === 0) {
        ring.release(ring.head);
        ring.trim(ring.head, { events, bytes: NO_BOUND });
        model.trim();
      }
      if (random.below(10) > 0) continue;
      const own = range(random.below(4)).map(room);
      const position = Math.max(
        0,
        ring.head - random.below(random.below(10) === 0 ? step + 1 : 100),
      );
      const reader = readerAt(position, own, { conflates: random.below(2) === 0 });
      expect(read(ring, reader)).toEqual(model.due(reader));
      const gap = ring.gapAbove(position, own);
      expect(gap !== undefined).toBe(model.isLost(position, own));
      if (gap === undefined) none++;
      else gaps++;
    }
    expect(gaps).toBeGreaterThan(100);
    expect(none).toBeGreaterThan(100);
  });
});

describe('a room keeps its own history', () => {
  test('a room with 20 000 events does not cost a quiet room its history', () => {
    const ring = ringOf(100);
    for (const _ of range(50)) push(ring, ['quiet']);
    for (const _ of range(20_000)) {
      push(ring, ['noisy']);
      ring.trim(ring.head, { events: 1000, bytes: 16 * 1024 * 1024 });
    }
    expect(read(ring, readerAt(0, ['quiet']))).toEqual(range(50).map((index) => index + 1));
    expect(ring.gapAbove(0, ['quiet'])).toBeUndefined();
    expect(ring.gapAbove(0, ['noisy'])).toEqual({ reason: 'trimmed', missed: undefined });
  });

  test('nor where memory is short: the rooms that keep the most give first', () => {
    const ring = ringOf(100_000);
    for (const _ of range(50)) push(ring, ['quiet']);
    for (const _ of range(20_000)) {
      push(ring, ['noisy']);
      push(ring, ['as noisy']);
      ring.trim(ring.head, { events: 100, bytes: 1_000_000 });
    }
    expect(read(ring, readerAt(0, ['quiet']))).toHaveLength(50);
    const [one, other] = ['noisy', 'as noisy'].map(
      (room) => read(ring, readerAt(0, [room])).length,
    ) as [number, number];
    expect(one).toBeGreaterThan(500);
    expect(Math.max(one, other)).toBeLessThanOrEqual(2 * Math.min(one, other) + 2);
  });

  test('and the recent events are kept beside however many rooms', () => {
    const ring = ringOf(100);
    for (const index of range(20_000)) {
      push(ring, [`room ${index}`]);
      if (index % 10 === 0) push(ring);
      ring.trim(ring.head, { events: 1000, bytes: 1_000_000 });
    }
    expect(read(ring, readerAt(ring.head - 1000, []))).toHaveLength(91);
    expect(ring.gapAbove(ring.head - 1000, [])).toBeUndefined();
  });

  test('a hundred thousand rooms of one event each neither leak, nor make a gap for a room that lost nothing', () => {
    const ring = ringOf(100);
    const bounds = { events: 1000, bytes: 1024 * 1024 };
    const before = heldBytes();
    for (const index of range(100_000)) {
      push(ring, [`room ${index}`]);
      ring.trim(ring.head, bounds);
    }
    expect(heldBytes() - before).toBeLessThan(8 * 1024 * 1024);
    expect(ring.gapAbove(0, ['a room without an event', 'room 99999'])).toBeUndefined();
    expect(ring.gapAbove(0, ['room 100'])).toBeDefined();
    expect(ring.gapAbove(101, ['room 100'])).toBeUndefined();
    expect(ring.gapAbove(40_000, ['room 40000'])).toBeDefined();
    expect(read(ring, readerAt(0, ['room 99990']))).toEqual([99_991]);
  });

  test('the index takes at most 64 bytes for each entry and room', () => {
    const bytesOf = (rooms: (index: number) => readonly string[] | undefined) => {
      const ring = ringOf(NO_BOUND);
      const before = heldBytes();
      for (const index of range(200_000)) push(ring, rooms(index));
      const bytes = heldBytes() - before;
      expect(ring.head).toBe(200_000);
      return bytes / 200_000;
    };
    const names = range(200_000).map((index) => [`room ${index}`]);
    // In no room, an entry has the same frame and the same objects, but no place in the index.
    const bare = bytesOf(() => []);
    expect(bytesOf((index) => names[index % 300]) - bare).toBeLessThan(64);
    expect(bytesOf((index) => names[index]) - bare).toBeLessThan(64);
  });
});
