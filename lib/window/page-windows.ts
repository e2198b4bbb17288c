import { pageOf } from '../log/audience.js';
import type { Log, LogEntry, LogPage } from '../log/log.js';
import { conflationKey } from './held.js';
import type { Ring } from './ring.js';
import { Window } from './window.js';

/** How many entries are read from a log at a time, at most: the log gives fewer large ones. */
export const PAGE_SIZE = 100;

/** What a log gives of its past. */
export interface Past {
  readonly read: NonNullable<Log['read']>;
  readonly readRooms: Log['readRooms'] | undefined;
}

/** Undefined for a log that has no more than its follower keeps. */
export function pastOf(log: Log): Past | undefined {
  const read = log.read?.bind(log);
  return read && { read, readRooms: log.readRooms?.bind(log) };
}

/** Entries that the ring has dropped, or never had, as the log has them. None of them reaches into the ring. */
export class PageWindows {
  /** Below this sequence, the log is known to have no entries but those that rooms keep. */
  trimmedTo = 0;
  readonly #past: Past;
  readonly #ring: Ring;

  constructor(past: Past, ring: Ring) {
    this.#past = past;
    this.#ring = ring;
  }

  /** All entries above a sequence. */
  async all(after: number): Promise<Window> {
    const { epoch } = this.#ring;
    const read = await this.#past.read(after, PAGE_SIZE);
    const { trimmedTo } = this.#ring;
    const before = read[0] === undefined ? trimmedTo : Math.min(read[0].sequence - 1, trimmedTo);
    if (before > after) this.trimmedTo = before;
    const window = new Window(epoch, before);
    for (const entry of before < trimmedTo ? read : []) {
      if (entry.sequence !== window.head + 1) break;
      window.push(entry);
    }
    return window;
  }

  /** What is for these rooms, or for everybody. */
  async forRooms(after: number, rooms: ReadonlySet<string>): Promise<Window> {
    const { epoch } = this.#ring;
    const { entries, through, lost } = await this.#read(after, rooms);
    return this.#windowOf(epoch, after, entries, through, lost);
  }

  /** The newest entry of each key, of all that is for these rooms, or for everybody. */
  async state(after: number, rooms: ReadonlySet<string>): Promise<Window> {
    const { epoch } = this.#ring;
    const newest = new Map<string, LogEntry>();
    let [reached, gone] = [after, 0];
    while (reached < this.#ring.trimmedTo) {
      const { entries, through, lost } = await this.#read(reached, rooms);
      gone = Math.max(gone, lost);
      for (const entry of entries) {
        const key = conflationKey(entry);
        if (key === undefined) continue;
        newest.delete(key);
        // What the ring has will come from there.
        if (!this.#ring.hasKey(key)) newest.set(key, entry);
      }
      // (A log that was reset meanwhile ends below.)
      if (through <= reached) break;
      reached = through;
    }
    return this.#windowOf(epoch, after, [...newest.values()], reached, gone);
  }

  async #read(after: number, rooms: ReadonlySet<string>): Promise<LogPage> {
    if (this.#past.readRooms !== undefined) {
      return this.#past.readRooms(after, PAGE_SIZE, [...rooms]);
    }
    return pageOf(await this.#past.read(after, PAGE_SIZE), after, this.#ring.trimmedTo);
  }

  #windowOf(
    epoch: string,
    after: number,
    entries: readonly LogEntry[],
    through: number,
    lost: number,
  ): Window {
    const { trimmedTo } = this.#ring;
    // What is lost above that, the ring has, or will be notified of.
    const window = new Window(epoch, Math.min(after, trimmedTo), Math.min(lost, trimmedTo));
    for (const entry of entries) if (entry.sequence <= trimmedTo) window.push(entry);
    window.head = Math.max(window.head, Math.min(through, trimmedTo));
    return window;
  }
}
