/** The listeners of one kind of thing. One that throws harms no other. */
export class Listeners<Args extends unknown[]> {
  readonly #all = new Set<(...args: Args) => unknown>();

  get size(): number {
    return this.#all.size;
  }

  add(listener: (...args: Args) => unknown): () => void {
    // The same function twice is two listeners.
    const own = (...args: Args) => listener(...args);
    this.#all.add(own);
    return () => {
      this.#all.delete(own);
    };
  }

  call(...args: Args): void {
    for (const listener of [...this.#all]) {
      try {
        listener(...args);
      } catch (error) {
        report(error);
      }
    }
  }
}

/** As a browser does with what a listener of an event throws. */
export function report(error: unknown): void {
  const { reportError = console.error } = globalThis as { reportError?: (error: unknown) => void };
  reportError(error);
}
