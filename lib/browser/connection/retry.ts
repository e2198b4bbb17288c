/** How long a client waits at most before it tries again, in ms. */
const LONGEST = 60_000;

/** How long, where the server has not said it, in ms. */
const DEFAULT_RETRY = 3000;

/** By how much the waits grow: with this, a crowd spreads well after short and after long outages. */
const GROWTH = 2.5;

/**
 * How long to wait before each attempt: exponentially longer, with full jitter, so that a crowd does not connect all
 * at once. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export class Retry {
  /** What the server says in `retry:`, in ms. */
  base = DEFAULT_RETRY;
  #attempts = 0;

  /** A connection was made: the next wait is short again. */
  reset(): void {
    this.#attempts = 0;
  }

  /** The next wait, in ms, and no shorter than what the server asks for with Retry-After. */
  next(atLeast = 0): number {
    const most = Math.max(this.base, Math.min(LONGEST, this.base * GROWTH ** this.#attempts));
    this.#attempts++;
    return atLeast + Math.random() * most;
  }
}
