// util/: what knows nothing of events: a queue, a timer that rests, a time limit.

/**
 * First in, first out, in constant time at both ends, and readable by position.
 * (`Array.prototype.shift` moves every element that stays.)
 */
export class Queue<T> {
  #items: (T | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Removes the oldest item and returns it; undefined where there is none. */
  shift(): T | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head++] = undefined;
    // An item is moved at most once for each that was removed, so this is constant on average.
    if (this.#head >= 64 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** The item at a position, 0 being the oldest; undefined past the end. */
  at(position: number): T | undefined {
    return this.#items[this.#head + position];
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
