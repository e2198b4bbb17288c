import type { Cursor } from '../client/cursor.js';
import { Ticker } from '../util/ticker.js';

/** For how long, in ms, a blocked client may be waited for, unless it has taken something meanwhile. */
const GRACE = 1000;

/** How often that is checked, in ms. A client that has drained before counts as one that never was blocked. */
const TICK = 25;

/** A client that takes so many bytes per ms is waited for as long as it goes on: 4 MB/s. */
const PACE = 4000;

/** Clients that take less, or stop one after the other, are waited for in so much of the time. */
const SHARE = 0.1;

/** How much longer a client may be waited for, in ms, and when it was blocked last. */
interface Credit {
  left: number;
  at: number;
}

/**
 * Which blocked clients are waited for: those that keep emptying their buffers. A client that reads is
 * blocked again and again for a moment, and a sender that ran ahead of it would have it evicted. One that
 * has stopped reading uses up its credit once, and holds up nobody from then on.
 */
export class Pace {
  readonly #held = new Set<Cursor>();
  /** Of those that were ever blocked. */
  readonly #credits = new Map<Cursor, Credit>();
  readonly #ticker: Ticker;
  /** When a client was waited for in vain. */
  #wastedAt = Number.NEGATIVE_INFINITY;

  /** Calls back for each client that is not waited for any longer. */
  constructor(gaveUp: (cursor: Cursor) => void) {
    // In ticks, so that an event loop that stood still uses up nobody's credit.
    this.#ticker = new Ticker(TICK, () => {
      for (const cursor of this.#held) {
        const credit = this.#credits.get(cursor) as Credit;
        credit.left -= TICK;
        if (credit.left > 0) continue;
        this.#held.delete(cursor);
        this.#wastedAt = performance.now();
        gaveUp(cursor);
      }
      return this.#held.size > 0;
    });
  }

  has(cursor: Cursor): boolean {
    return this.#held.has(cursor);
  }

  /** The client is blocked. */
  hold(cursor: Cursor): void {
    const now = performance.now();
    const credit = this.#credits.get(cursor) ?? { left: 0, at: this.#wastedAt };
    credit.left = Math.min(GRACE, credit.left + (now - credit.at) * SHARE);
    credit.at = now;
    this.#credits.set(cursor, credit);
    if (credit.left <= 0) return;
    this.#held.add(cursor);
    this.#ticker.start();
  }

  /** The client is writable again. */
  release(cursor: Cursor): void {
    this.#held.delete(cursor);
  }

  /** So many bytes were written to the client. */
  wrote(cursor: Cursor, bytes: number): void {
    if (this.#credits.size === 0) return;
    const credit = this.#credits.get(cursor);
    if (credit !== undefined) credit.left = Math.min(GRACE, credit.left + bytes / PACE);
  }

  /** The client is gone. */
  forget(cursor: Cursor): void {
    this.#held.delete(cursor);
    this.#credits.delete(cursor);
  }

  /** What the clients that are waited for have all been given. */
  get floor(): number {
    let floor = Number.POSITIVE_INFINITY;
    for (const { position } of this.#held) floor = Math.min(floor, position);
    return floor;
  }
}
