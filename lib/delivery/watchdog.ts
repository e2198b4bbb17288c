import { Ticker } from '../util/ticker.js';

/** How often, within the time-out, it is looked whether anything moved. */
const CHECKS = 50;

/** Those that began to wait at about the same time. */
export interface Watch {
  /** Aborts when they are not to wait any longer. */
  readonly signal: AbortSignal;
  /** Called with the reason right before that. */
  readonly giveUps: Set<(reason: unknown) => void>;
}

interface Group extends Watch {
  readonly controller: AbortController;
  waiting: number;
  /** In checks. */
  age: number;
}

/**
 * Ends what waits while nothing moves: only who has waited for the whole time-out, and only if
 * nothing moved in all that time. Time passes in checks, so that an event loop that stood still
 * ends nobody.
 */
export class Watchdog {
  readonly #isBlocked: () => boolean;
  readonly #reason: () => Error;
  readonly #ticker: Ticker;
  #groups: Group[] = [];
  #still = 0;

  /** `isBlocked` says whether those that wait do so for what is watched. */
  constructor(timeout: number, isBlocked: () => boolean, reason: () => Error) {
    this.#isBlocked = isBlocked;
    this.#reason = reason;
    this.#ticker = new Ticker(timeout / CHECKS, () => this.#check());
  }

  /** One more begins to wait. */
  enter(): Watch {
    let group = this.#groups.at(-1);
    if (group === undefined || group.age > 0) {
      const controller = new AbortController();
      group = { controller, signal: controller.signal, giveUps: new Set(), waiting: 0, age: 0 };
      this.#groups.push(group);
    }
    group.waiting++;
    return group;
  }

  /** One waits no longer. */
  leave(watch: Watch): void {
    (watch as Group).waiting--;
  }

  /** Somebody waits for what is watched: from now on it is looked whether it moves. */
  start(): void {
    this.#ticker.start();
  }

  moved(): void {
    this.#still = 0;
  }

  #check(): boolean {
    this.#still = this.#isBlocked() ? this.#still + 1 : 0;
    const old = this.#still >= CHECKS ? CHECKS : Number.POSITIVE_INFINITY;
    for (const group of this.#groups) {
      group.age++;
      if (group.age > old) end(group, this.#reason());
    }
    this.#groups = this.#groups.filter(({ waiting, signal }) => waiting > 0 && !signal.aborted);
    return this.#groups.length > 0;
  }
}

function end({ controller, giveUps }: Group, reason: Error): void {
  for (const giveUp of giveUps) giveUp(reason);
  controller.abort(reason);
}
