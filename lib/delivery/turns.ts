import { createLimiter, type Limiter } from './limiter.js';

/** How long a turn goes on, in ms. Beyond it, what still is to be visited waits for the next turn. */
const SLICE = 0.5;

/** How many are preloaded at once, of however many wait: about as many as a turn visits. */
const AHEAD = 64;

export interface TurnHooks<Subject> {
  /** Reads what the visit of this subject will read, and does nothing else. */
  preload(subject: Subject): void;
  /** Gets the time of its turn. */
  visit(subject: Subject, now: number): void;
  /** A turn is over. */
  passed(): void;
}

/**
 * Visits subjects in turns of the event loop, in the order in which they were queued: at most
 * `concurrency` in one, and none after its slice of time. All other work of the process gets its turn in
 * between.
 */
export class Turns<Subject> {
  readonly #limit: Limiter<Subject>;
  readonly #hooks: TurnHooks<Subject>;
  /** Those that hold a slot. */
  #due: Subject[] = [];
  #release: () => void = () => {};
  #isSet = false;

  constructor(concurrency: number, hooks: TurnHooks<Subject>) {
    this.#hooks = hooks;
    this.#limit = createLimiter(concurrency, (subject: Subject, done) => {
      this.#release = done;
      this.#due.push(subject);
      this.set();
    });
  }

  /** Whether nobody waits for a visit. */
  get isIdle(): boolean {
    return this.#limit.activeCount + this.#limit.pendingCount === 0;
  }

  queue(subject: Subject): void {
    this.#limit(subject);
  }

  /** There is to be a turn, even if nobody waits for a visit. */
  set(): void {
    if (this.#isSet) return;
    this.#isSet = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#isSet = false;
    const due = this.#due;
    this.#due = [];
    const begun = performance.now();
    let visited = 0;
    while (visited < due.length) {
      if (visited % AHEAD === 0) this.#preload(due, visited);
      this.#hooks.visit(due[visited++] as Subject, begun);
      this.#release();
      if (isPowerOfTwo(visited) && performance.now() - begun > SLICE) break;
    }
    if (visited < due.length) {
      this.#due = due.slice(visited).concat(this.#due);
      this.set();
    }
    this.#hooks.passed();
  }

  /** In a loop of its own: the processor fetches from memory for several of them at once. */
  #preload(due: readonly Subject[], from: number): void {
    const end = Math.min(from + AHEAD, due.length);
    for (let next = from; next < end; next++) this.#hooks.preload(due[next] as Subject);
  }
}

/** So the clock, which costs a fiftieth of a visit, is looked at seldom, and after twice the slice at the latest. */
function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0;
}
