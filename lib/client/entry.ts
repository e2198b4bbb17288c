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

/** The place of a client under the hub's limits: from before its stream is opened until it is over. */
export class Entry {
  /** Its cursor, where heartbeats may show that it has left. */
  cursor: Cursor | undefined;
  readonly #release: (entry: Entry) => void;
  readonly #replayed: (bytes: number) => void;
  #hasLeft = false;
  #interrupt: ((reason: Interruption) => void) | undefined;

  constructor(release: (entry: Entry) => void, replayed: (bytes: number) => void) {
    this.#release = release;
    this.#replayed = replayed;
  }

  /** Counts bytes of events that the client had missed. */
  replayed(bytes: number): void {
    this.#replayed(bytes);
  }

  /** Gives the place back, once, however often it is called. */
  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#release(this);
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
