import type { Cursor } from './cursor.js';

/** Why a client is rejected. */
export type Refusal =
  | 'final'
  | 'closed'
  | 'unreachable'
  | 'full'
  | 'key'
  | 'replay'
  | 'connection'
  | 'timeout';

/** What interrupts the wait for a stream: the client has left, or is to be rejected. */
export type Interruption = Refusal | 'left';

/** Who keeps the places. */
export interface Places {
  /** The place is free. */
  release(entry: Entry): void;
  /** The client was sent again so many bytes of events. */
  replayed(entry: Entry, bytes: number): void;
}

/** The place of a client under the hub's limits: from before its stream is opened until it is over. */
export class Entry {
  /** Its cursor, where heartbeats may show that it has left. */
  cursor: Cursor | undefined;
  readonly #places: Places;
  #hasLeft = false;
  #interrupt: ((reason: Interruption) => void) | undefined;

  constructor(
    places: Places,
    /** What it is counted under; undefined for one that no limit per key is for. */
    readonly key: string | undefined,
  ) {
    this.#places = places;
  }

  replayed(bytes: number): void {
    this.#places.replayed(this, bytes);
  }

  /** Gives the place back, once, however often it is called. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#places.release(this);
  }

  /** Ends the wait for the client's stream, if it waits. */
  interrupt(reason: Interruption): void {
    this.#interrupt?.(reason);
  }

  /** What `work` gives, unless it is interrupted, or takes longer than `limit` ms. */
  wait<T>(work: Promise<T>, limit: number): Promise<T | Interruption> {
    return new Promise((resolve, reject) => {
      const tooLate = () => this.interrupt('timeout');
      const timer = limit === Number.POSITIVE_INFINITY ? undefined : setTimeout(tooLate, limit);
      const over = () => {
        clearTimeout(timer);
        this.#interrupt = undefined;
      };
      this.#interrupt = (reason) => {
        over();
        resolve(reason);
      };
      work.finally(over).then(resolve, reject);
    });
  }
}
