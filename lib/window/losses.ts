import type { LogRecord } from '../log/log.js';

/** Of so many rooms it is known exactly when they last lost an event; of the others, roughly. */
const MOST_ROOMS = 10_000;

/**
 * Remembers what a ring has dropped: not the events, but for whom the last of them was. So a client
 * that comes back late is told of a gap if it missed something, and only then.
 */
export class Losses {
  /** The last dropped event that was for everybody. */
  #everybody = 0;
  /** The last dropped event of each room; the room that lost one longest ago comes first. */
  readonly #rooms = new Map<string, number>();
  /** The last dropped event of the rooms that are no longer in the map. */
  #otherRooms = 0;
  /** Up to here it is not known how many of the dropped events were for one client. */
  #uncounted = 0;

  /** An event was dropped. Where another stands for it, nobody has lost anything. */
  add(sequence: number, { rooms }: Pick<LogRecord, 'rooms'>, replaced: boolean): void {
    if (rooms !== undefined || replaced) this.#uncounted = sequence;
    if (replaced) return;
    if (rooms === undefined) {
      this.#everybody = sequence;
      return;
    }
    for (const room of rooms) {
      this.#rooms.delete(room);
      this.#rooms.set(room, sequence);
    }
    while (this.#rooms.size > MOST_ROOMS) {
      const [room, last] = this.#rooms.entries().next().value as [string, number];
      this.#rooms.delete(room);
      this.#otherRooms = last;
    }
  }

  /** Whether a client in these rooms lost an event above its position. */
  concern(position: number, rooms: Iterable<string>): boolean {
    if (this.#everybody > position) return true;
    for (const room of rooms) {
      if ((this.#rooms.get(room) ?? this.#otherRooms) > position) return true;
    }
    return false;
  }

  /** How many events were lost above the position up to `trimmedTo`; undefined where that is not known. */
  count(position: number, trimmedTo: number): number | undefined {
    return position >= this.#uncounted ? trimmedTo - position : undefined;
  }
}
