import { Ticker } from '../util/ticker.js';

/** How often within the time-out the watchdog checks whether anything moved. */
const CHECKS = 50;

/** One that waits for what is watched. */
export interface Wait {
  /** Aborts when the wait has lasted too long. */
  readonly signal: AbortSignal;
  /** Called with the reason right before that. */
  giveUp: ((reason: unknown) => void) | undefined;
}

/** Waits that began between the same two checks: they share a signal, since signals are dear. */
interface Wave {
  readonly controller: AbortController;
  /** The number of checks at that time. */
  readonly begun: number;
}

interface WaitOfWave extends Wait {
  readonly wave: Wave;
}

/**
 * Ends waits while nothing moves: only those that have lasted for the whole time-out, and only if
 * nothing moved in all that time. Time passes in checks, so that an event loop that stood still
 * ends no wait.
 */
export class Watchdog {
  readonly #isBlocked: () => boolean;
  readonly #reason: () => Error;
  readonly #ticker: Ticker;
  /** The oldest first. */
  readonly #waits = new Set<Wait>();
  #wave: Wave | undefined;
  #checks = 0;
  /** How many checks in a row found that nothing had moved. */
  #still = 0;

  /** `isBlocked` says whether the waits are due to what is watched. */
  constructor(timeout: number, isBlocked: () => boolean, reason: () => Error) {
    this.#isBlocked = isBlocked;
    this.#reason = reason;
    this.#ticker = new Ticker(timeout / CHECKS, () => this.#check());
  }

  /** One more begins to wait. */
  enter(): Wait {
    if (this.#wave?.begun !== this.#checks) {
      this.#wave = { controller: new AbortController(), begun: this.#checks };
    }
    const wave = this.#wave;
    const wait: WaitOfWave = { wave, signal: wave.controller.signal, giveUp: undefined };
    this.#waits.add(wait);
    return wait;
  }

  /** The wait is over. */
  leave(wait: Wait): void {
    this.#waits.delete(wait);
  }

  /** Begins to check, as long as there are waits. */
  start(): void {
    this.#ticker.start();
  }

  moved(): void {
    this.#still = 0;
  }

  #check(): boolean {
    this.#checks++;
    this.#still = this.#isBlocked() ? this.#still + 1 : 0;
    if (this.#still >= CHECKS) this.#endOld();
    return this.#waits.size > 0;
  }

  #endOld(): void {
    const reason = this.#reason();
    for (const wait of this.#waits as Set<WaitOfWave>) {
      if (this.#checks - wait.wave.begun <= CHECKS) return;
      this.#waits.delete(wait);
      wait.giveUp?.(reason);
      wait.wave.controller.abort(reason);
    }
  }
}
