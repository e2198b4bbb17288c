/**
 * The promise of an outcome. A rejection that nobody awaits goes to `unheard`; that of any other promise would
 * end the process.
 *
 * It counts as awaited as soon as `then`, `catch` or `finally` is called, which `await` does as well.
 */
export class Outcome<T> extends Promise<T> {
  /** What `then` gives is an ordinary promise: who awaits it has to handle its rejection. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  #isAwaited = false;

  /** The outcome of `work`, also where it throws. */
  static of<T>(work: () => T | PromiseLike<T>, unheard: (error: unknown) => void): Promise<T> {
    return new Outcome<T>((resolve) => resolve(work())).#orElse(unheard);
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise.
  override then<Value = T, Reason = never>(
    fulfilled?: ((value: T) => Value | PromiseLike<Value>) | null,
    rejected?: ((reason: unknown) => Reason | PromiseLike<Reason>) | null,
  ): Promise<Value | Reason> {
    this.#isAwaited = true;
    return super.then(fulfilled, rejected);
  }

  #orElse(unheard: (error: unknown) => void): this {
    super.then(undefined, (error) => {
      // `await` calls `then` a microtask later. Node looks for unhandled rejections at this time as well.
      process.nextTick(() => {
        if (!this.#isAwaited) unheard(error);
      });
    });
    return this;
  }
}
