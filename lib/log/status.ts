import { describe, SseError } from '../errors.js';
import { plural } from '../util/plural.js';

/** What a hub knows about its log: whether the log is reachable, and what it has stored. */
export class LogStatus {
  readonly #warn: (message: string) => void;
  /** The newest entry that the log is known to have. */
  stored = 0;
  #isReachable = true;
  /** How many events were not sent since the log became unreachable. */
  #unsent = 0;

  /** Whether a send was late: the hub is closed. */
  #isClosed = false;
  #hasForeign = false;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  get isReachable(): boolean {
    return this.#isReachable;
  }

  connected(head: number): void {
    this.stored = head;
    if (this.#isReachable) return;
    const unsent = this.#unsent > 0 ? `: ${plural(this.#unsent, 'event')} not sent meanwhile` : '';
    this.#warn(`the log is reachable again${unsent}`);
    this.#isReachable = true;
    this.#unsent = 0;
  }

  disconnected(reason: Error): void {
    if (this.#isReachable) this.#warn(`the log is unreachable: ${describe(reason)}`);
    this.#isReachable = false;
  }

  /** An entry has come that no hub has written. The first one alone is logged: a program may write any number. */
  foreign(id: string): void {
    if (this.#hasForeign) return;
    this.#hasForeign = true;
    this.#warn(`foreign entry ${id} in the log: no hub has written it, and nobody gets it`);
  }

  notSent(error: unknown): void {
    // A sender with a timer would have this said again and again.
    if (!this.#isReachable && this.#unsent++ > 0) return;
    if (error instanceof SseError && error.code === 'ERR_SSE_CLOSED') {
      if (this.#isClosed) return;
      this.#isClosed = true;
    }
    this.#warn(`event not sent: ${describe(error)}`);
  }
}
