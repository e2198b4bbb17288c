import type { Cursor } from '../client/cursor.js';
import { Ticker } from '../util/ticker.js';

/** How often within `maxAge` it is checked which streams have passed it. */
const CHECKS = 50;

/** Ends streams that have lasted for `maxAge` ms, each a little earlier, so that not all end at once. */
export class MaxAge {
  readonly #maxAge: number;
  readonly #ticker: Ticker;

  constructor(maxAge: number, cursors: ReadonlySet<Cursor>, finish: (cursor: Cursor) => void) {
    this.#maxAge = maxAge;
    this.#ticker = new Ticker(maxAge / CHECKS, () => {
      const now = performance.now();
      for (const cursor of cursors) {
        if (cursor.expiresAt !== undefined && cursor.expiresAt <= now) finish(cursor);
      }
      return cursors.size > 0;
    });
  }

  /** The cursor's stream begins: its time runs. */
  start(cursor: Cursor): void {
    if (this.#maxAge === Number.POSITIVE_INFINITY) return;
    cursor.expiresAt = performance.now() + this.#maxAge * (0.8 + 0.2 * Math.random());
    this.#ticker.start();
  }
}
