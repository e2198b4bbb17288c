/** For how long replayed bytes count, in ms. */
const PERIOD = 60_000;

/**
 * How much of the log clients with the same key were sent again lately. A request of some bytes may bring about a
 * replay of many megabytes, as often as it is made.
 */
export class Replays {
  readonly #most: number;
  #bytes = new Map<string, number>();
  #since = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(key: string, bytes: number): void {
    this.#bytes.set(key, (this.#bytes.get(key) ?? 0) + bytes);
  }

  isSpent(key: string): boolean {
    const now = performance.now();
    // All begin anew together: a period of its own for each key would have to be cleared.
    if (now - this.#since > PERIOD) {
      this.#bytes = new Map();
      this.#since = now;
    }
    return (this.#bytes.get(key) ?? 0) >= this.#most;
  }
}
