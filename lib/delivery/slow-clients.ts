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

/** How many bytes a slow reader reads within `sendTimeout`. With the default, that is a pace of 100 KB/s. */
const STEP = 1_000_000;

/**
 * Notices which cursors have been blocked for too long, or lag too far behind.
 *
 * A peer that reads steadily shows no progress for long: Linux reports a socket as writable when a third of
 * its send buffer is free, which may be 1.4 MB. So a peer has the time that a slow reader would need for
 * all that was written to it.
 */
export class SlowClients {
  readonly #settings: SlowClientSettings;
  readonly #isSlow: (cursor: Cursor, why: string) => void;
  /** The blocked ones, with the check at which the time of each is up. */
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

  /** The cursor is blocked, or its snapshot under way: its time runs. */
  watch(cursor: Cursor): void {
    if (cursor.isHeld && this.#blocked.has(cursor)) return;
    const { sendTimeout } = this.#settings;
    this.wrote(cursor, 0, performance.now());
    const time = Math.max(sendTimeout, (cursor.unread / STEP) * sendTimeout);
    this.#blocked.set(cursor, this.#checks + Math.ceil((time / sendTimeout) * CHECKS));
    this.#ticker.start();
  }

  /** So many bytes were written to the cursor's peer at this time. */
  wrote(cursor: Cursor, bytes: number, now: number): void {
    // In whole numbers, which lie in the cursor itself: others are objects of their own.
    const at = Math.floor(now);
    const read = Math.ceil(((at - cursor.unreadAt) / this.#settings.sendTimeout) * STEP);
    cursor.unread = Math.max(0, cursor.unread - read) + bytes;
    cursor.unreadAt = at;
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
    const { sendTimeout } = this.#settings;
    for (const [cursor, end] of this.#blocked) {
      if (this.#checks < end) continue;
      const what = cursor.isHeld ? 'its snapshot was under way' : 'it was blocked';
      this.#isSlow(cursor, `${what} for ${sendTimeout} ms`);
    }
    return this.#blocked.size > 0;
  }
}
