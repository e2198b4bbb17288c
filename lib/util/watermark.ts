import { Queue } from './queue.js';

interface Wait {
  readonly position: number;
  readonly over: (reason?: unknown) => void;
}

/**
 * A position that only moves forward, and the callbacks that wait until it has reached theirs.
 *
 * The callbacks run in the order in which they were added, and only from within `advance` and
 * `restart`.
 */
export class Watermark {
  readonly #waits = new Queue<Wait>();
  #position = 0;

  get position(): number {
    return this.#position;
  }

  /** How many callbacks wait. */
  get size(): number {
    return this.#waits.size;
  }

  /** Calls `over` at the first `advance` that reaches `position`, or with a reason at a `restart`. */
  when(position: number, over: (reason?: unknown) => void): void {
    this.#waits.push({ position, over });
  }

  advance(position: number): void {
    this.#position = position;
    // Without the callbacks that are added meanwhile: some add the next one at once, for ever.
    for (let left = this.#waits.size; left > 0; left--) {
      if ((this.#waits.at(0) as Wait).position > this.#position) return;
      this.#waits.shift()?.over();
    }
  }

  /** Begins anew at `position`. All that was waited for will never be reached. */
  restart(position: number, reason?: unknown): void {
    this.#position = position;
    for (let left = this.#waits.size; left > 0; left--) this.#waits.shift()?.over(reason);
  }
}
