/** The wait after the first attempt, and the longest, in ms. */
const FIRST_DELAY = 250;
const LONGEST_DELAY = 1500;

/** A connection that lasted this long ends the run of attempts, in ms. */
const SETTLED = 5000;

/** Nodes that lost their connection at the same moment reconnect spread over this time, in ms. */
const SPREAD = 100;

/** Says when the next attempt to connect may be made: at once, and then ever later. */
export class Backoff {
  #last = Number.NEGATIVE_INFINITY;
  #delay = 0;
  #hurry: () => void = () => {};

  /** Resolves when it may. Rejects when `signal` aborts. */
  async turn(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    if (now - this.#last > SETTLED) this.#delay = 0;
    const isFirst = this.#last === Number.NEGATIVE_INFINITY;
    const wait = Math.max(
      isFirst ? 0 : Math.random() * SPREAD,
      this.#last + this.#delay * (1 + Math.random() / 2) - now,
    );
    if (wait > 0) await this.#wait(wait, signal);
    signal.throwIfAborted();
    this.#last = performance.now();
    this.#delay = Math.min(Math.max(FIRST_DELAY, 2 * this.#delay), LONGEST_DELAY);
  }

  /** The engine is reachable: a wait is over now. */
  hurry(): void {
    this.#delay = 0;
    this.#hurry();
  }

  #wait(delay: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, delay);
      signal.addEventListener('abort', end);
      this.#hurry = end;
    });
  }
}
