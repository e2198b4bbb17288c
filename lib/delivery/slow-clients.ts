import type { Cursor } from '../client/cursor.js';
import { plural } from '../util/plural.js';
import { Ticker } from '../util/ticker.js';

export interface SlowClientSettings {
  readonly sendTimeout: number;
  readonly clientQueueSize: number;
  readonly clientQueueBytes: number;
}

/** How often within `sendTimeout` the blocked clients are looked at. */
const CHECKS = 50;

/** Notices which cursors have been blocked for too long, or lag too far behind. */
export class SlowClients {
  readonly #settings: SlowClientSettings;
  readonly #isSlow: (cursor: Cursor, why: string) => void;
  /** The blocked ones, with the check at which each was; the oldest first. */
  readonly #blocked = new Map<Cursor, number>();
  readonly #ticker: Ticker;
  /** Time passes in checks, so that a process that stood still evicts nobody for it. */
  #checks = 0;

  constructor(settings: SlowClientSettings, isSlow: (cursor: Cursor, why: string) => void) {
    this.#settings = settings;
    this.#isSlow = isSlow;
    this.#ticker = new Ticker(settings.sendTimeout / CHECKS, () => this.#check());
  }

  /** How many cursors are blocked. */
  get size(): number {
    return this.#blocked.size;
  }

  /** The cursor is blocked: its time runs. */
  watch(cursor: Cursor): void {
    this.#blocked.set(cursor, this.#checks);
    this.#ticker.start();
  }

  /** The cursor is not blocked any more, or not watched any longer. */
  release(cursor: Cursor): void {
    this.#blocked.delete(cursor);
  }

  /** One more event, of so many bytes, waits for a cursor that can't be written to. */
  count(cursor: Cursor, bytes: number): void {
    cursor.lagEvents++;
    cursor.lagBytes += bytes;
    const { clientQueueSize, clientQueueBytes } = this.#settings;
    if (cursor.lagEvents > clientQueueSize) {
      this.#isSlow(cursor, `more than ${plural(clientQueueSize, 'event')} wait for it`);
    } else if (cursor.lagBytes > clientQueueBytes && cursor.lagEvents > 1) {
      this.#isSlow(cursor, `more than ${clientQueueBytes} bytes wait for it`);
    }
  }

  #check(): boolean {
    this.#checks++;
    for (const [cursor, since] of this.#blocked) {
      if (this.#checks - since < CHECKS) break;
      this.#isSlow(cursor, `it was blocked for ${this.#settings.sendTimeout} ms`);
    }
    return this.#blocked.size > 0;
  }
}
