// window/: what cursors move over: runs of entries as frames, and what was dropped from them.

import { frameEvent } from '../frame.js';
import { isForRooms } from '../log/audience.js';
import { formatEventId } from '../log/event-id.js';
import type { LogEntry } from '../log/log.js';
import { Queue } from '../util/queue.js';
import { BATCH_BYTES, Batch } from './batch.js';
import type { Gap } from './gap.js';
import {
  conflationKey,
  distinct,
  type Held,
  indexAbove,
  isFor,
  isForAll,
  overhead,
  type Reader,
} from './held.js';

/** What is to be known of a new entry. */
export interface Pushed {
  /** Its frame's length. */
  readonly bytes: number;
  /** The entry that it replaces for readers that conflate; 0 where there is none. */
  readonly replaces: number;
}

/** Where a reader goes on, and what it missed between that and where it was. */
export interface Passed {
  readonly position: number;
  readonly gap?: Gap | undefined;
}

interface Taken {
  readonly after: number;
  readonly end: number;
  readonly batch: Batch;
  /** Whether every reader at this position is due just these frames. */
  readonly forAll: boolean;
  readonly frames: readonly Buffer[];
}

/** Entries as frames, in order, that cursors move over. */
export class Window {
  epoch: string;
  /** Everything up to this sequence is here, as far as it is for those who read. */
  head: number;
  /** Everything up to this sequence is not here any more, or never was. */
  trimmedTo: number;
  /** About how much memory the entries take, in bytes. */
  protected weight = 0;
  #held = new Queue<Held>();
  readonly #newest = new Map<string, number>();
  #lastTaken: Taken | undefined;

  /**
   * An empty window, right behind the entry `head` of this epoch. `lost`: the newest entry above that which is gone, and
   * was for those who read; 0 where there is none.
   */
  constructor(
    epoch: string,
    head: number,
    readonly lost = 0,
  ) {
    this.epoch = epoch;
    this.head = head;
    this.trimmedTo = head;
  }

  get size(): number {
    return this.#held.size;
  }

  get oldest(): Held | undefined {
    return this.#held.at(0);
  }

  protected get newest(): Held | undefined {
    return this.#held.at(this.#held.size - 1);
  }

  idOf(sequence: number): string {
    return formatEventId(this.epoch, sequence);
  }

  /** Adds the next entry. */
  push(entry: LogEntry): Pushed {
    const { sequence, except } = entry;
    this.head = sequence;
    const frame = frameEvent(this.idOf(sequence), entry.fields);
    const key = conflationKey(entry);
    const rooms = distinct(entry.rooms);
    const weight = frame.length + overhead(rooms, key);
    const isEphemeral = entry.isEphemeral === true;
    const at = performance.now();
    this.#held.push({ sequence, frame, rooms, key, except, isEphemeral, weight, at, runs: 0 });
    this.weight += weight;
    if (key === undefined) return { bytes: frame.length, replaces: 0 };
    const replaces = this.#newest.get(key) ?? 0;
    this.#newest.set(key, sequence);
    return { bytes: frame.length, replaces };
  }

  /** Removes the oldest entry. Its weight is counted until it is discarded. */
  protected shift(): Held {
    const held = this.#held.shift() as Held;
    this.trimmedTo = held.sequence;
    return held;
  }

  /** The entry is gone for good. */
  protected discard(held: Held): void {
    this.weight -= held.weight;
    if (held.key !== undefined && this.#newest.get(held.key) === held.sequence) {
      this.#newest.delete(held.key);
    }
  }

  /** The entry takes less memory, by so many bytes. */
  protected lighten(held: Held, bytes: number): void {
    held.weight -= bytes;
    this.weight -= bytes;
  }

  protected each(look: (held: Held) => void): void {
    for (let index = 0; index < this.#held.size; index++) look(this.#held.at(index) as Held);
  }

  /** Takes out what nobody is given any more. The window has holes then. */
  protected sweep(isGone: (held: Held) => boolean): void {
    const left = new Queue<Held>();
    this.each((held) => {
      if (isGone(held)) this.discard(held);
      else left.push(held);
    });
    this.#held = left;
  }

  /** Empties the window. The next entry is the one behind `head`. */
  protected reset(epoch: string, head: number): void {
    this.epoch = epoch;
    this.head = head;
    this.trimmedTo = head;
    this.weight = 0;
    this.#held = new Queue();
    this.#newest.clear();
    this.#lastTaken = undefined;
  }

  /** Whether a newer entry replaces it. */
  protected isReplaced({ key, sequence }: Held): boolean {
    return key !== undefined && (this.#newest.get(key) ?? 0) > sequence;
  }

  /**
   * Where a reader goes on that stands below what is here, and what it has lost. Of what was lost up to `lossesTo` it is
   * notified already.
   */
  passTrimmed(position: number, lossesTo: number, _rooms: Iterable<string>): Passed {
    const known = Math.max(position, lossesTo);
    const isLost = this.lost > known || this.trimmedTo > known;
    return {
      position: Math.max(position, this.trimmedTo),
      gap: isLost ? { reason: 'trimmed' } : undefined,
    };
  }

  hasKey(key: string): boolean {
    return this.#newest.has(key);
  }

  /**
   * The frames above a reader's position that are for it, as many as fit into one batch, up to the
   * entry `end`; a larger frame is alone in its batch. The batch is empty where none of the frames is
   * for the reader. Readers that are due the same frames get the same batch.
   */
  take(reader: Reader, end: number): Batch {
    const last = this.#lastTaken;
    const after = reader.position;
    const same = last?.after === after && last.end === end;
    if (same && last.forAll && reader.stateTo <= after) return last.batch;

    const frames: Buffer[] = [];
    let bytes = 0;
    let forAll = reader.stateTo <= after;
    // (A page may end before a reader that has waited for it.)
    let reached = Math.max(after, this.limit(after, end));
    /** Whether there is room for more. */
    const add = (held: Held): boolean => {
      forAll &&= isForAll(held);
      if (!this.#isDue(held, reader)) return true;
      if (frames.length > 0 && bytes + held.frame.length > BATCH_BYTES) {
        reached = held.sequence - 1;
        return false;
      }
      bytes += held.frame.length;
      frames.push(held.frame);
      return true;
    };
    forAll = this.#scan(reader, reached, add) && forAll;
    if (same && last.batch.last === reached && sameFrames(last.frames, frames)) return last.batch;
    const joined = frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames);
    const batch = new Batch(joined, reached, frames.length);
    this.#lastTaken = { after, end, batch, forAll, frames };
    return batch;
  }

  /** The entries above a reader's position that may be for it, where not all need to be looked at. */
  protected distant(_reader: Reader, _end: number): Iterable<Held> | undefined {
    return undefined;
  }

  /** How far one batch may reach from a position. */
  protected limit(_position: number, end: number): number {
    return end;
  }

  /**
   * Looks at the entries above a reader's position that may be for it, up to `end`, or until `look` has had enough. Says
   * whether none was left out.
   */
  #scan(reader: Reader, end: number, look: (held: Held) => boolean): boolean {
    const distant = this.distant(reader, end);
    if (distant === undefined) {
      this.#eachAbove(reader.position, end, look);
      return true;
    }
    const reach = this.limit(reader.position, end);
    for (const held of distant) {
      if (held.sequence > reach) break;
      if (!look(held)) return false;
    }
    this.#eachAbove(reach, end, look);
    return false;
  }

  /** Looks at each entry above a position, up to `end`, or until `look` has had enough. */
  #eachAbove(position: number, end: number, look: (held: Held) => boolean): void {
    for (let index = this.#indexAbove(position); index < this.#held.size; index++) {
      const held = this.#held.at(index) as Held;
      if (held.sequence > end || !look(held)) return;
    }
  }

  #indexAbove(position: number): number {
    // As a rule the entries are dense.
    const index = position - this.trimmedTo;
    const isThere = index >= 0 && this.#held.at(index)?.sequence === position + 1;
    return isThere ? index : indexAbove(this.#held, position);
  }

  #isDue(held: Held, reader: Reader): boolean {
    if (!isFor(held, reader)) return false;
    if (held.sequence <= reader.stateTo && held.key === undefined) return false;
    return !reader.conflates || !this.isReplaced(held);
  }

  /** The next entry for a reader; undefined where there is none yet. */
  next(reader: Reader): Held | undefined {
    let next: Held | undefined;
    this.#scan(reader, this.head, (held) => {
      if (isFor(held, reader) && held.frame.length > 0) next = held;
      return next === undefined;
    });
    return next;
  }

  /** How many events for this reader lie above its position. */
  count(reader: Reader): number {
    return this.#sumAbove(reader, () => 1);
  }

  /** What part of all that it reaches over is for readers in these rooms; undefined where it reaches over nothing. */
  shareOf(rooms: ReadonlySet<string>): number | undefined {
    let count = 0;
    this.each((held) => {
      if (isForRooms(held, rooms)) count++;
    });
    return this.head === this.trimmedTo ? undefined : count / (this.head - this.trimmedTo);
  }

  /** How many bytes they have, as far as they are in the window. */
  bytesAbove(reader: Reader): number {
    return this.#sumAbove(reader, ({ frame }) => frame.length);
  }

  #sumAbove(reader: Reader, measure: (held: Held) => number): number {
    let sum = 0;
    this.#scan(reader, this.head, (held) => {
      if (isFor(held, reader)) sum += measure(held);
      return true;
    });
    return sum;
  }
}

function sameFrames(one: readonly Buffer[], other: readonly Buffer[]): boolean {
  return one.length === other.length && one.every((frame, index) => frame === other[index]);
}
