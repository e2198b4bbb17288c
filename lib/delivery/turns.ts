import { createLimiter, type Limiter } from './limiter.js';

/** How long a turn goes on, in ms. Beyond it, what still is to be visited waits for the next turn. */
const SLICE = 0.5;

/**
 * Visits subjects in turns of the event loop, in the order in which they were queued: at most
 * `concurrency` in one, and none after its slice of time. All other work of the process gets its turn in
 * between.
 */
export class Turns<Subject> {
  readonly #limit: Limiter<Subject>;
  readonly #visit: (subject: Subject, now: number) => void;
  readonly #passed: () => void;
  /** Those that hold a slot. */
  #due: Subject[] = [];
  #release: () => void = () => {};
  #isSet = false;

  /** `visit` gets the time of its turn. `passed` is called at the end of each turn. */
  constructor(
    concurrency: number,
    visit: (subject: Subject, now: number) => void,
    passed: () => void,
  ) {
    this.#visit = visit;
    this.#passed = passed;
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
      this.#visit(due[visited++] as Subject, begun);
      this.#release();
      if (performance.now() - begun > SLICE) break;
    }
    if (visited < due.length) {
      this.#due = due.slice(visited).concat(this.#due);
      this.set();
    }
    this.#passed();
  }
}
