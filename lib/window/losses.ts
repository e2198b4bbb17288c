import { type Held, isForAll } from './held.js';
import { LastLosses } from './last-losses.js';
import { EVERYBODY } from './runs.js';

/**
 * Remembers what a ring has dropped: not the events, but the last one of each room. So a client that reconnects late
 * receives a gap event if it missed something, and only then.
 */
export class Losses {
  /** The last lost event that was for all clients. */
  #everybody = 0;
  readonly #rooms = new LastLosses();
  /** Up to here, the number of lost events for one client is unknown. */
  #uncounted = 0;

  /** Everything up to this sequence is gone, whoever it was for. */
  constructor(start: number) {
    this.#everybody = start;
  }

  /** A room, or everybody, has lost an event. */
  add(room: string, sequence: number): void {
    if (room === EVERYBODY) this.#everybody = sequence;
    else this.#rooms.set(room, sequence);
  }

  /** An entry is not among the recent ones any more: for some client, that may be no loss. */
  note(held: Held, replaced: boolean): void {
    if (replaced || !isForAll(held)) this.#uncounted = Math.max(this.#uncounted, held.sequence);
  }

  /** Whether a client in these rooms lost an event above its position. */
  concern(position: number, rooms: Iterable<string>): boolean {
    if (this.#everybody > position) return true;
    for (const room of rooms) if (this.#rooms.get(room) > position) return true;
    return false;
  }

  /** How many events were lost above the position up to `trimmedTo`; undefined where that is not known. */
  count(position: number, trimmedTo: number): number | undefined {
    return position >= this.#uncounted ? trimmedTo - position : undefined;
  }
}
