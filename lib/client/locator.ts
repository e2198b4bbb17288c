import { isForRooms } from '../log/audience.js';
import type { Log, LogEntry } from '../log/log.js';
import type { Start } from '../start.js';
import { Queue } from '../util/queue.js';
import type { Gap } from '../window/gap.js';
import type { Ring } from '../window/ring.js';

/** Where a client starts to read. */
export interface Place {
  readonly position: number;
  readonly gap?: Gap | undefined;
  /** Whether it goes on behind an event that it, or the route, has named. */
  readonly resumed: boolean;
  /** Up to here, it gets the newest event of each key alone. */
  readonly stateTo: number;
  /** Of what was lost up to here it is notified already, or it has never asked for that. */
  readonly lossesTo: number;
}

/** How many entries are looked at, at a time, in a log that can't look for them itself. */
const PAGE_SIZE = 1000;

/** Finds the places of clients in a log. */
export class Locator {
  readonly #ring: Ring;
  readonly #log: Log;

  constructor(ring: Ring, log: Log) {
    this.#ring = ring;
    this.#log = log;
  }

  /**
   * Where a client with this Last-Event-ID goes on, and one without it starts. `anew`: one that has a gap starts like
   * one without it.
   */
  find(
    lastEventId: string | undefined,
    start: Start,
    rooms: ReadonlySet<string>,
    anew: boolean,
  ): Place | Promise<Place> {
    if (!lastEventId) return this.#first(start, rooms);
    const { position, gap } = this.#ring.locate(lastEventId, rooms);
    if (position === undefined || (anew && gap !== undefined)) {
      return this.#first(start, rooms, gap);
    }
    const resumed = gap === undefined || gap.reason === 'trimmed';
    return {
      ...this.#at(position),
      gap,
      resumed,
      lossesTo: gap === undefined ? 0 : this.#ring.trimmedTo,
    };
  }

  #first(start: Start, rooms: ReadonlySet<string>, gap?: Gap): Place | Promise<Place> {
    if (typeof start === 'object' && 'after' in start) {
      const place = this.find(start.after, 'now', rooms, false) as Place;
      return gap === undefined ? place : { ...place, gap, resumed: false };
    }
    const { head } = this.#ring;
    if (start === 'now') return { ...this.#at(head), gap };
    const stateTo = start === 'state' ? head : 0;
    const count = typeof start === 'object' ? start.last : Number.POSITIVE_INFINITY;
    const place = (position: number): Place => ({ ...this.#at(position), gap, stateTo });
    const { position, found } = this.#ring.below(count, rooms);
    if (found >= count || !this.#ring.reaches) return place(position);
    const { epoch } = this.#ring;
    return this.#below(count, rooms).then((below) => {
      // The log may be ahead of this process, or have been reset meanwhile.
      const { epoch: current, head: reached } = this.#ring;
      return place(current === epoch ? Math.min(below, reached) : reached);
    });
  }

  /** The log may have more than the ring. */
  async #below(count: number, rooms: ReadonlySet<string>): Promise<number> {
    const { read, last } = this.#log;
    if (last !== undefined) return last.call(this.#log, count, [...rooms]);
    if (read === undefined || count === Number.POSITIVE_INFINITY) return 0;
    const newest = new Queue<number>();
    for (let after = 0, entries: readonly LogEntry[]; ; after = entries.at(-1)?.sequence ?? after) {
      entries = await read.call(this.#log, after, PAGE_SIZE);
      if (entries.length === 0) break;
      for (const entry of entries) {
        if (entry.isEphemeral || !isForRooms(entry, rooms)) continue;
        newest.push(entry.sequence);
        if (newest.size > count) newest.shift();
      }
    }
    return (newest.at(0) ?? this.#ring.head + 1) - 1;
  }

  #at(position: number): Place {
    return { position, resumed: false, stateTo: 0, lossesTo: this.#ring.trimmedTo };
  }
}
