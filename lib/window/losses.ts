import type { LogRecord } from '../log/log.js';

/** For so many rooms, with names of so many characters, the last loss is known exactly; for the others, roughly. */
const MOST_ROOMS = 10_000;
const MOST_CHARACTERS = 1024 * 1024;

/**
 * Remembers what a ring has dropped: not the events, but which rooms the last of them were for. So a
 * client that reconnects late receives a gap event if it missed something, and only then.
 */
export class Losses {
  /** The last dropped event that was for all clients. */
  #everybody = 0;
  /** The last dropped event of each room. The room whose loss is the oldest is first. */
  readonly #rooms = new Map<string, number>();
  #characters = 0;
  /** The last dropped event of the rooms that are no longer in the map. */
  #otherRooms = 0;
  /** Up to here, the number of dropped events for one client is unknown. */
  #uncounted = 0;

  /** An event was dropped. An event that a newer one replaces is no loss. */
  add(sequence: number, { rooms }: Pick<LogRecord, 'rooms'>, replaced: boolean): void {
    if (rooms !== undefined || replaced) this.#uncounted = sequence;
    if (replaced) return;
    if (rooms === undefined) {
      this.#everybody = sequence;
      return;
    }
    for (const room of rooms) {
      this.#forget(room);
      this.#rooms.set(room, sequence);
      this.#characters += room.length;
    }
    while (this.#rooms.size > MOST_ROOMS || this.#characters > MOST_CHARACTERS) {
      const [room, last] = this.#rooms.entries().next().value as [string, number];
      this.#forget(room);
      this.#otherRooms = last;
    }
  }

  #forget(room: string): void {
    if (this.#rooms.delete(room)) this.#characters -= room.length;
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
