/** How many events wait for a loop before the stream is read no further. */
const MOST_WAITING = 100;

/** The events that wait for a `for await` loop. */
export class Waiting<Item> {
  readonly #items: Item[] = [];
  #isOver = false;
  #arrived: () => void = () => {};
  #room: Promise<void> | undefined;
  #taken: () => void = () => {};

  push(item: Item): void {
    this.#items.push(item);
    this.#arrived();
  }

  /** Nothing more will come. */
  end(): void {
    this.#isOver = true;
    this.#arrived();
    this.#taken();
  }

  /** Resolves when there is room for more; undefined where there is. */
  room(): Promise<void> | undefined {
    if (this.#isOver || this.#items.length < MOST_WAITING) return undefined;
    this.#room ??= new Promise((resolve) => {
      this.#taken = () => {
        this.#room = undefined;
        resolve();
      };
    });
    return this.#room;
  }

  async next(): Promise<IteratorResult<Item, undefined>> {
    while (this.#items.length === 0) {
      if (this.#isOver) return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    const value = this.#items.shift() as Item;
    if (this.#items.length < MOST_WAITING / 2) this.#taken();
    return { done: false, value };
  }
}
