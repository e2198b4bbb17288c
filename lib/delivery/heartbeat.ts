import type { Cursor } from '../client/cursor.js';
import { Ticker } from '../util/ticker.js';

/**
 * A client that was quiet for so many ticks gets a heartbeat. The more ticks, the closer to
 * `keepAlive` the heartbeat comes: one that comes early puts the TCP keep-alive's probes off, and
 * nothing notices a dead peer.
 */
const QUIET_TICKS = 16;

/** Some proxies notice a peer that has left by the first, and close the connection by the second. */
const PROBES = 2;

/** Notices which clients nothing was written to for `keepAlive` ms. */
export class Heartbeat {
  readonly #ticker: Ticker | undefined;
  /** Who gets heartbeats at the next ticks, quiet or not, and at how many. */
  readonly #probes = new Map<Cursor, number>();
  #tick = 0;

  constructor(
    keepAlive: number | false,
    cursors: ReadonlySet<Cursor>,
    isQuiet: (cursor: Cursor) => void,
  ) {
    if (keepAlive === false) return;
    this.#ticker = new Ticker(keepAlive / QUIET_TICKS, () => {
      this.#tick++;
      for (const [cursor, probes] of this.#probes) {
        isQuiet(cursor);
        if (probes > 1) this.#probes.set(cursor, probes - 1);
        else this.#probes.delete(cursor);
      }
      for (const cursor of cursors) {
        if (this.#tick - cursor.writtenAt >= QUIET_TICKS) isQuiet(cursor);
      }
      return cursors.size > 0;
    });
  }

  /** There is a cursor: it is time to tick. */
  start(): void {
    this.#ticker?.start();
  }

  /** Finds out whether the peer is still there, unless heartbeats are switched off. */
  probe(cursor: Cursor): void {
    if (this.#ticker !== undefined) this.#probes.set(cursor, PROBES);
  }

  /** Something is written to the cursor. */
  note(cursor: Cursor): void {
    cursor.writtenAt = this.#tick;
  }
}
