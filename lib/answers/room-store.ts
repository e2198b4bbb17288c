import { randomBytes } from 'node:crypto';
import type { EventId } from '../log/event-id.js';
import {
  FOLLOWED,
  type Log,
  type LogEntry,
  type LogFollower,
  type LogPage,
  type LogRecord,
  type RoomBounds,
} from '../log/log.js';

const NOTHING = Buffer.alloc(0);

/**
 * A log for one process that keeps some rooms until they are dropped, and nothing else. What it does not keep is an entry
 * for no room.
 */
export class RoomStore implements Log {
  readonly #isKept: (room: string) => boolean;
  readonly #epoch = randomBytes(6).toString('base64url');
  readonly #rooms = new Map<string, LogEntry[]>();
  readonly #entries = new Map<number, LogEntry>();
  #follower: LogFollower | undefined;
  #sequence = 0;

  constructor(isKept: (room: string) => boolean) {
    this.#isKept = isKept;
  }

  keepRooms(wanted: RoomBounds): RoomBounds {
    return wanted;
  }

  dropRoom(room: string): void {
    for (const entry of this.#rooms.get(room) ?? []) this.#entries.delete(entry.sequence);
    this.#rooms.delete(room);
  }

  follow(follower: LogFollower): void {
    if (this.#follower !== undefined) throw new TypeError(FOLLOWED);
    this.#follower = follower;
    follower.begin(this.#epoch, this.#sequence);
  }

  append(record: LogRecord, signal: AbortSignal): EventId | Promise<EventId> {
    if (signal.aborted) return Promise.reject(signal.reason);
    this.#sequence++;
    const entry = { ...record, sequence: this.#sequence };
    this.#store(entry);
    this.#follower?.entry(entry);
    return { epoch: this.#epoch, sequence: entry.sequence };
  }

  async read(after: number, limit: number): Promise<LogEntry[]> {
    return Array.from({ length: Math.min(limit, this.#sequence - after) }, (_, index) => {
      const sequence = after + index + 1;
      return this.#entries.get(sequence) ?? { sequence, fields: NOTHING, rooms: [] };
    });
  }

  async readRooms(after: number, limit: number, rooms: readonly string[]): Promise<LogPage> {
    const all = this.#above(after, rooms);
    const entries = all.slice(0, limit);
    const isWhole = entries.length === all.length;
    const through = isWhole ? this.#sequence : (entries.at(-1) as LogEntry).sequence;
    return { entries, through, lost: 0 };
  }

  async last(count: number, rooms: readonly string[]): Promise<number> {
    const all = count === 0 ? [] : this.#above(0, rooms);
    const first = all.at(-count) ?? all[0];
    return first === undefined ? this.#sequence : first.sequence - 1;
  }

  #store(entry: LogEntry): void {
    const room = entry.rooms?.find(this.#isKept);
    if (room === undefined) return;
    const list = this.#rooms.get(room);
    if (list === undefined) this.#rooms.set(room, [entry]);
    else list.push(entry);
    this.#entries.set(entry.sequence, entry);
  }

  #above(after: number, rooms: readonly string[]): LogEntry[] {
    const lists = rooms.map((room) => this.#rooms.get(room) ?? []);
    const found = lists.flatMap((list) => list.slice(indexAbove(list, after)));
    return lists.length === 1 ? found : found.sort((one, other) => one.sequence - other.sequence);
  }
}

/** Where the entries above a sequence begin in a list. */
function indexAbove(list: readonly LogEntry[], after: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] as LogEntry).sequence > after) high = middle;
    else low = middle + 1;
  }
  return low;
}
