import { frameEvent } from '../frame.js';
import { Queue } from '../queue.js';
import { BATCH_BYTES, Batch } from './batch.js';
import { formatEventId, MAX_ID_LENGTH, parseEventId } from './event-id.js';
import type { LogEntry, LogRecord } from './log.js';
import { Losses } from './losses.js';

/** What an entry takes beside its bytes, about: the objects around them. */
const ENTRY_OVERHEAD = 200;

/** How much a ring keeps; each bound holds by itself. */
export interface RingBounds {
  readonly events: number;
  readonly bytes: number;
}

/** Why a cursor can't be honoured. */
export type GapReason = 'malformed' | 'oversized' | 'epoch' | 'ahead' | 'trimmed' | 'slow';

/** What a client did not get: told to it in a gap event. */
export interface Gap {
  readonly reason: GapReason;
  /** How many events, where that is known. */
  readonly missed?: number | undefined;
}

/** Where a client starts to read, and what lies between that and where it meant to. */
export interface Start {
  readonly cursor: number;
  readonly gap?: Gap | undefined;
}

/** For whom a batch is taken. */
export interface Reader {
  /** The sequence of the last event it got. */
  readonly cursor: number;
  readonly rooms: ReadonlySet<string>;
  /** Whether it is content with the newest event of each conflation key. */
  readonly conflates: boolean;
}

/** What became of a new entry. */
export interface Pushed {
  /** Its frame's length. */
  readonly bytes: number;
  /** The entry that it stands for with readers that conflate; 0 where there is none. */
  readonly replaces: number;
}

interface Held {
  readonly frame: Buffer;
  readonly rooms: readonly string[] | undefined;
  /** What it conflates with: the rooms and the key. */
  readonly key: string | undefined;
  /** When it was added, on `performance.now()`'s clock. */
  readonly at: number;
}

interface Taken {
  readonly after: number;
  readonly end: number;
  readonly batch: Batch;
  /** Whether every reader at this cursor is due just these frames. */
  readonly forAll: boolean;
  readonly frames: readonly Buffer[];
}

/**
 * The newest entries of a log, as frames: the window that this process's cursors move in.
 *
 * A cursor is the sequence of the last event its client got.
 */
export class Ring {
  epoch = '';
  /** The sequence of the newest entry. */
  head = 0;
  readonly #held = new Queue<Held>();
  #bytes = 0;
  readonly #newest = new Map<string, number>();
  readonly #losses = new Losses();
  #lastTaken: Taken | undefined;

  /** The oldest cursor that all entries above are there for. */
  get tail(): number {
    return this.head - this.#held.size;
  }

  begin(epoch: string, head: number): void {
    this.epoch = epoch;
    this.head = head;
    // What came before is not here, and nobody knows for whom it was.
    this.#losses.add(head, { rooms: undefined }, false);
  }

  /** Adds the next entry. The ring does not shrink before `trim`. */
  push(entry: LogEntry): Pushed {
    this.head = entry.sequence;
    const frame = frameEvent(this.idOf(entry.sequence), entry.fields);
    const key = conflationKey(entry);
    this.#held.push({ frame, rooms: entry.rooms, key, at: performance.now() });
    this.#bytes += frame.length + ENTRY_OVERHEAD;
    if (key === undefined) return { bytes: frame.length, replaces: 0 };
    const replaces = this.#newest.get(key) ?? 0;
    this.#newest.set(key, entry.sequence);
    return { bytes: frame.length, replaces };
  }

  /**
   * Drops the oldest entries beyond the bounds, but none above `upTo`: what has not been offered
   * to every client yet is not history.
   */
  trim(upTo: number, { events, bytes }: RingBounds): void {
    while (this.tail < upTo && (this.#held.size > events || this.#bytes > bytes)) this.#drop();
  }

  /** Drops the entries that were added before a time, but none above `upTo`. */
  expire(upTo: number, before: number): void {
    while (this.tail < upTo && (this.#held.at(0) as Held).at < before) this.#drop();
  }

  #drop(): void {
    const held = this.#held.shift() as Held;
    const sequence = this.tail;
    this.#bytes -= held.frame.length + ENTRY_OVERHEAD;
    this.#losses.add(sequence, held, this.#isReplaced(held, sequence));
    if (held.key !== undefined && this.#newest.get(held.key) === sequence) {
      this.#newest.delete(held.key);
    }
  }

  #isReplaced(held: Held, sequence: number): boolean {
    return held.key !== undefined && (this.#newest.get(held.key) as number) > sequence;
  }

  idOf(sequence: number): string {
    return formatEventId(this.epoch, sequence);
  }

  /**
   * The frames above a reader's cursor that are for it, as many as fit into one batch, up to the
   * entry `end`; a larger frame comes alone. The batch is empty where none of them is for it.
   * Readers that are due the same frames get the same batch.
   *
   * The cursor must lie in the window.
   */
  take(reader: Reader, end: number): Batch {
    const last = this.#lastTaken;
    const after = reader.cursor;
    const same = last?.after === after && last.end === end;
    if (same && last.forAll) return last.batch;

    const frames: Buffer[] = [];
    let bytes = 0;
    let forAll = true;
    let reached = after;
    for (; reached < end; reached++) {
      const held = this.#held.at(reached - this.tail) as Held;
      forAll &&= held.rooms === undefined && held.key === undefined;
      if (!isFor(held, reader.rooms)) continue;
      if (reader.conflates && this.#isReplaced(held, reached + 1)) continue;
      if (frames.length > 0 && bytes + held.frame.length > BATCH_BYTES) break;
      bytes += held.frame.length;
      frames.push(held.frame);
    }
    if (same && last.batch.last === reached && sameFrames(last.frames, frames)) return last.batch;
    const joined = frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames);
    const batch = new Batch(joined, reached, frames.length);
    this.#lastTaken = { after, end, batch, forAll, frames };
    return batch;
  }

  /** How many events for this reader lie above its cursor. */
  count(reader: Reader): number {
    let count = 0;
    for (let position = reader.cursor; position < this.head; position++) {
      if (isFor(this.#held.at(position - this.tail) as Held, reader.rooms)) count++;
    }
    return count;
  }

  /** What a client in these rooms lost, that stands at this cursor; undefined where nothing. */
  gapAbove(cursor: number, rooms: Iterable<string>): Gap | undefined {
    if (cursor >= this.tail || !this.#losses.concern(cursor, rooms)) return undefined;
    return { reason: 'trimmed', missed: this.#losses.count(cursor, this.tail) };
  }

  /**
   * Where a client with this Last-Event-ID goes on; one without any starts at the head.
   *
   * A cursor that can't be honoured is told as a gap, and goes on with what is left.
   */
  locate(lastEventId: string | undefined, rooms: Iterable<string>): Start {
    if (lastEventId === undefined || lastEventId === '') return { cursor: this.head };
    const lost = (reason: GapReason) => ({ cursor: this.tail, gap: { reason } });
    if (lastEventId.length > MAX_ID_LENGTH) return lost('oversized');
    const id = parseEventId(lastEventId);
    if (id === undefined) return lost('malformed');
    if (id.epoch !== this.epoch) return lost('epoch');
    if (id.sequence > this.head) return lost('ahead');
    return {
      cursor: Math.max(id.sequence, this.tail),
      gap: this.gapAbove(id.sequence, rooms),
    };
  }
}

function isFor({ rooms }: Held, own: ReadonlySet<string>): boolean {
  return rooms === undefined || rooms.some((room) => own.has(room));
}

/** Events conflate only with those that are for the same clients. */
function conflationKey({ rooms, conflate }: LogRecord): string | undefined {
  if (conflate === undefined) return undefined;
  return JSON.stringify([conflate, ...(rooms === undefined ? [] : [...new Set(rooms)].sort())]);
}

function sameFrames(one: readonly Buffer[], other: readonly Buffer[]): boolean {
  return one.length === other.length && one.every((frame, index) => frame === other[index]);
}
