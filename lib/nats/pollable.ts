/**
 * A promise that is waited for again and again, each time for a while. A promise keeps each `then`
 * for as long as it is pending, so all the waits share one.
 */
export class Pollable<T> {
  #outcome: { readonly value: T } | { readonly error: unknown } | undefined;
  #wake: () => void = () => {};

  constructor(promise: Promise<T>) {
    promise.then(
      (value) => this.#settle({ value }),
      (error) => this.#settle({ error }),
    );
  }

  /**
   * The promise's value, or undefined after `limit` ms without one. With 0, after one turn of the event
   * loop.
   */
  within(limit: number): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const look = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        const outcome = this.#outcome;
        if (outcome === undefined) resolve(undefined);
        else if ('error' in outcome) reject(outcome.error);
        else resolve(outcome.value);
      };
      if (this.#outcome !== undefined) return look();
      this.#wake = look;
      if (limit > 0) timer = setTimeout(look, limit);
      else setImmediate(look);
    });
  }

  #settle(outcome: { readonly value: T } | { readonly error: unknown }): void {
    this.#outcome = outcome;
    this.#wake();
  }
}
