// window/: what cursors move over: runs of entries as frames, and what was dropped from them.

import { frameEvent } from '../frame.js';
import { formatEventId } from '../log/event-id.js';
import type { LogEntry, LogRecord } from '../log/log.js';
import { Queue } from '../util/queue.js';
import { BATCH_BYTES, Batch } from './batch.js';

/** The reader that a batch is taken for: a cursor. */
export interface Reader {
  /** The sequence of the last event it was given. */
  readonly position: number;
  readonly rooms: ReadonlySet<string>;
  /** Whether it gets only the latest event of each conflation key. */
  readonly conflates: boolean;
}

/** About how many bytes an entry takes beside its frame, the objects around it, and each of its rooms. */
const ENTRY_OVERHEAD = 200;
const ROOM_OVERHEAD = 24;

/** What is to be known of a new entry. */
export interface Pushed {
  /** Its frame's length. */
  readonly bytes: number;
  /** The entry that it replaces for readers that conflate; 0 where there is none. */
  readonly replaces: number;
}

/** An entry in a window. */
export interface Held {
  readonly frame: Buffer;
  readonly rooms: readonly string[] | undefined;
  /** The rooms and the key, which it has in common with the entries that it conflates with. */
  readonly key: string | undefined;
  /** About how much memory it takes, in bytes: names of rooms and keys count as well. */
  readonly weight: number;
  /** When it was added, on `performance.now()`'s clock. */
  readonly at: number;
}

interface Taken {
  readonly after: number;
  readonly end: number;
  readonly batch: Batch;
  /** Whether every reader at this position is due just these frames. */
  readonly forAll: boolean;
  readonly frames: readonly Buffer[];
}

/** Entries in a row, as frames, that cursors move over. */
export class Window {
  epoch: string;
  /** The sequence of the newest entry. */
  head: number;
  /** About how much memory the entries take, in bytes. */
  protected weight = 0;
  #held = new Queue<Held>();
  readonly #newest = new Map<string, number>();
  #lastTaken: Taken | undefined;

  /** An empty window, right behind the entry `head` of this epoch. */
  constructor(epoch: string, head: number) {
    this.epoch = epoch;
    this.head = head;
  }

  /** Everything up to this sequence is not here any more, or never was. */
  get trimmedTo(): number {
    return this.head - this.#held.size;
  }

  get size(): number {
    return this.#held.size;
  }

  get oldest(): Held | undefined {
    return this.#held.at(0);
  }

  idOf(sequence: number): string {
    return formatEventId(this.epoch, sequence);
  }

  /** Adds the next entry. */
  push(entry: LogEntry): Pushed {
    this.head = entry.sequence;
    const frame = frameEvent(this.idOf(entry.sequence), entry.fields);
    const key = conflationKey(entry);
    const { rooms } = entry;
    const weight = frame.length + overhead(rooms, key);
    this.#held.push({ frame, rooms, key, weight, at: performance.now() });
    this.weight += weight;
    if (key === undefined) return { bytes: frame.length, replaces: 0 };
    const replaces = this.#newest.get(key) ?? 0;
    this.#newest.set(key, entry.sequence);
    return { bytes: frame.length, replaces };
  }

  /** Removes the oldest entry, and says whether a newer one replaces it. */
  protected shift(): { readonly held: Held; readonly replaced: boolean } {
    const held = this.#held.shift() as Held;
    this.weight -= held.weight;
    const sequence = this.trimmedTo;
    const replaced = this.#isReplaced(held, sequence);
    if (held.key !== undefined && this.#newest.get(held.key) === sequence) {
      this.#newest.delete(held.key);
    }
    return { held, replaced };
  }

  /** Empties the window. The next entry is the one behind `head`. */
  protected reset(epoch: string, head: number): void {
    this.epoch = epoch;
    this.head = head;
    this.weight = 0;
    this.#held = new Queue();
    this.#newest.clear();
    this.#lastTaken = undefined;
  }

  #isReplaced(held: Held, sequence: number): boolean {
    return held.key !== undefined && (this.#newest.get(held.key) as number) > sequence;
  }

  /**
   * The frames above a reader's position that are for it, as many as fit into one batch, up to the
   * entry `end`; a larger frame is alone in its batch. The batch is empty where none of the frames is
   * for the reader. Readers that are due the same frames get the same batch.
   *
   * The position must lie in the window.
   */
  take(reader: Reader, end: number): Batch {
    const last = this.#lastTaken;
    const after = reader.position;
    const same = last?.after === after && last.end === end;
    if (same && last.forAll) return last.batch;

    const frames: Buffer[] = [];
    let bytes = 0;
    let forAll = true;
    let reached = after;
    for (; reached < end; reached++) {
      const held = this.#held.at(reached - this.trimmedTo) as Held;
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

  /** How many events for this reader lie above its position. */
  count(reader: Reader): number {
    let count = 0;
    for (const _held of this.#above(reader)) count++;
    return count;
  }

  /** How many bytes they have, as far as they are in the window. */
  bytesAbove(reader: Reader): number {
    let bytes = 0;
    for (const { frame } of this.#above(reader)) bytes += frame.length;
    return bytes;
  }

  *#above({ position, rooms }: Reader): Iterable<Held> {
    const { trimmedTo } = this;
    for (let passed = Math.max(position, trimmedTo); passed < this.head; passed++) {
      const held = this.#held.at(passed - trimmedTo) as Held;
      if (isFor(held, rooms)) yield held;
    }
  }
}

function overhead(rooms: readonly string[] = [], key = ''): number {
  const start = ENTRY_OVERHEAD + key.length;
  return rooms.reduce((sum, { length }) => sum + length + ROOM_OVERHEAD, start);
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
