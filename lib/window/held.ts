import { isForRooms } from '../log/audience.js';
import type { LogRecord } from '../log/log.js';
import type { Queue } from '../util/queue.js';

/** The rooms of a reader that gets everything. */
export const EVERY_ROOM: ReadonlySet<string> = new (class extends Set<string> {
  override has(): boolean {
    return true;
  }
})();

/** The reader that entries are taken for: a cursor. */
export interface Reader {
  readonly id: string;
  /** The sequence of the last event it was given. */
  readonly position: number;
  readonly rooms: ReadonlySet<string>;
  /** Whether it gets only the latest event of each conflation key. */
  readonly conflates: boolean;
  /** The head when it came: ephemeral events up to here were for those who were there before. */
  readonly joinedAt: number;
  /** Up to here, it gets the latest event of each conflation key, and nothing else. */
  readonly stateTo: number;
}

/** An entry in a window. */
export interface Held {
  readonly sequence: number;
  /** Empty once an ephemeral event has been offered to everybody. */
  frame: Buffer;
  /** Each room once. */
  readonly rooms: readonly string[] | undefined;
  /** The rooms and the key, which it has in common with the entries that it conflates with. */
  readonly key: string | undefined;
  /** The id of the client that it is not for. */
  readonly except: string | undefined;
  readonly isEphemeral: boolean;
  /** About how much memory it takes, in bytes: names of rooms and keys count as well. */
  weight: number;
  /** When it was added, on `performance.now()`'s clock. */
  readonly at: number;
  /** How many runs it is in. */
  runs: number;
}

/** About how many bytes an entry takes beside its frame, the objects around it, and each of its rooms. */
const ENTRY_OVERHEAD = 200;
const ROOM_OVERHEAD = 64;

/** Whether all readers get it, whoever they are. */
export function isForAll({ rooms, key, except, isEphemeral }: Held): boolean {
  return rooms === undefined && key === undefined && except === undefined && !isEphemeral;
}

export function isFor(held: Held, reader: Reader): boolean {
  if (!isForRooms(held, reader.rooms)) return false;
  if (held.isEphemeral && held.sequence <= reader.joinedAt) return false;
  return held.except === undefined || held.except !== reader.id;
}

/** Where the first entry above a sequence is. */
export function indexAbove(entries: Queue<Held>, sequence: number): number {
  let [low, high] = [0, entries.size];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries.at(middle) as Held).sequence > sequence) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** What an event conflates with: only those that are for the same clients. */
export function conflationKey({ rooms, conflate, isEphemeral }: LogRecord): string | undefined {
  if (conflate === undefined) return undefined;
  const names = [...(distinct(rooms) ?? [])].sort();
  return JSON.stringify([isEphemeral === true ? [conflate] : conflate, ...names]);
}

/** Each room once. */
export function distinct(rooms: readonly string[] | undefined): readonly string[] | undefined {
  return rooms === undefined || rooms.length < 2 ? rooms : [...new Set(rooms)];
}

/** What an entry weighs beside its frame. */
export function overhead(rooms: readonly string[] = [], key = ''): number {
  const start = ENTRY_OVERHEAD + key.length;
  return rooms.reduce((sum, { length }) => sum + length + ROOM_OVERHEAD, start);
}
