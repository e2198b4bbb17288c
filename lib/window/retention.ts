import { Ticker } from '../util/ticker.js';
import type { Ring } from './ring.js';

export interface RetentionSettings {
  readonly history: {
    readonly events: number;
    readonly bytes: number;
    readonly age: number;
    readonly room: { readonly age: number };
  };
  readonly clientQueueSize: number;
  readonly clientQueueBytes: number;
  readonly sendTimeout: number;
}

/** How often within their `age` it is checked whether events have passed it. */
const CHECKS = 50;

/**
 * Drops old entries from a ring: beyond the history, but never one that is still to be offered, and
 * while a client lags, no more than that client can be allowed to lag behind.
 */
export class Retention {
  readonly #ring: Ring;
  readonly #settings: RetentionSettings;
  readonly #ticker: Ticker;
  readonly #isIdle: () => boolean;

  /** `offered` gives the newest entry that may be dropped, `isIdle` whether no client lags. */
  constructor(
    ring: Ring,
    settings: RetentionSettings,
    offered: () => number,
    isIdle: () => boolean,
  ) {
    this.#ring = ring;
    this.#settings = settings;
    this.#isIdle = isIdle;
    this.#ticker = new Ticker(this.#shortestAge / CHECKS, () => {
      const now = performance.now();
      ring.expire(offered(), now - this.#age, now - settings.history.room.age);
      return !ring.isEmpty;
    });
  }

  /** There is a new entry: its time runs. */
  start(): void {
    if (this.#shortestAge !== Number.POSITIVE_INFINITY) this.#ticker.start();
  }

  get #shortestAge(): number {
    const { age, room } = this.#settings.history;
    return Math.min(age, room.age);
  }

  /** All entries up to this one were offered. */
  trim(offered: number): void {
    const { history, clientQueueSize, clientQueueBytes } = this.#settings;
    const isIdle = this.#isIdle();
    if (isIdle) this.#ring.release(offered);
    this.#ring.trim(offered, {
      events: isIdle ? history.events : Math.max(history.events, clientQueueSize),
      bytes: isIdle ? history.bytes : Math.max(history.bytes, clientQueueBytes),
    });
  }

  get #age(): number {
    const { history, sendTimeout } = this.#settings;
    return this.#isIdle() ? history.age : Math.max(history.age, sendTimeout);
  }
}
