/** Random numbers that are the same in every run: https://en.wikipedia.org/wiki/Linear_congruential_generator */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 up to, and without, `end`. */
  below(end: number): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * end);
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
}
