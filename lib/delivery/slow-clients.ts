import type { Cursor } from '../client/cursor.js';
import { plural } from '../util/plural.js';

export interface SlowClientSettings {
  readonly sendTimeout: number;
  readonly clientQueueSize: number;
  readonly clientQueueBytes: number;
}

/** Notices which cursors have been blocked for too long, or lag too far behind. */
export class SlowClients {
  readonly #settings: SlowClientSettings;
  readonly #isSlow: (cursor: Cursor, why: string) => void;
  /** The blocked ones, with the time at which each was; the oldest first. */
  readonly #blocked = new Map<Cursor, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(settings: SlowClientSettings, isSlow: (cursor: Cursor, why: string) => void) {
    this.#settings = settings;
    this.#isSlow = isSlow;
  }

  /** How many cursors are blocked. */
  get size(): number {
    return this.#blocked.size;
  }

  /** The cursor is blocked: its time runs. */
  watch(cursor: Cursor): void {
    this.#blocked.set(cursor, performance.now());
    this.#timer ??= this.#checkIn(this.#settings.sendTimeout);
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

  #checkIn(delay: number): NodeJS.Timeout {
    return setTimeout(() => this.#check(), delay).unref();
  }

  #check(): void {
    const { sendTimeout } = this.#settings;
    const now = performance.now();
    let next: NodeJS.Timeout | undefined;
    for (const [cursor, since] of this.#blocked) {
      const left = since + sendTimeout - now;
      if (left > 0) {
        next = this.#checkIn(Math.ceil(left));
        break;
      }
      this.#isSlow(cursor, `it was blocked for ${sendTimeout} ms`);
    }
    this.#timer = next;
  }
}
