/** How long the head of a response may take, and a stream of a server that announces no heartbeat, in ms. */
const HEAD = 30_000;

/**
 * Notices a connection that is dead. It looks at the clock, and not at the timer alone: timers stand still while a laptop
 * sleeps, or a page is frozen.
 */
export class Silence {
  readonly #over: () => void;
  #limit = Number.POSITIVE_INFINITY;
  #heardAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(over: () => void) {
    this.#over = over;
  }

  /** A request is made. */
  begin(): void {
    this.expect(HEAD);
  }

  /** From now on, something is to come within so many ms. */
  expect(limit: number): void {
    this.rest();
    this.#limit = limit;
    this.heard();
  }

  /** Something has come. */
  heard(): void {
    this.#heardAt = Date.now();
    if (this.#timer === undefined) this.#wait();
  }

  /** Nothing is expected: the connection is over, or is not read from. */
  rest(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Looks at once. */
  look(): void {
    if (this.#timer !== undefined && this.#isOver) this.#lookTwice();
  }

  get #isOver(): boolean {
    return Date.now() - this.#heardAt >= this.#limit;
  }

  /** Where this process was blocked, or slept, what has come meanwhile is still to be read. */
  #lookTwice(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#isOver) this.#over();
      else this.#wait();
    }, 0);
  }

  #wait(): void {
    if (this.#limit === Number.POSITIVE_INFINITY) return;
    const left = this.#heardAt + this.#limit - Date.now();
    // A part at a time: a clock that jumps is noticed soon.
    this.#timer = setTimeout(
      () => {
        if (this.#isOver) this.#lookTwice();
        else this.#wait();
      },
      Math.max(10, Math.min(left, this.#limit / 4)),
    );
  }
}
