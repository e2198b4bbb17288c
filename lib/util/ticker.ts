/** A timer that runs only while there is something to do, and keeps no process alive. */
export class Ticker {
  readonly #period: number;
  readonly #tick: () => boolean;
  #timer: NodeJS.Timeout | undefined;

  /** `tick` is called every `period` ms, and says whether it is to be called again. */
  constructor(period: number, tick: () => boolean) {
    this.#period = period;
    this.#tick = tick;
  }

  /** Starts it, unless it runs. */
  start(): void {
    this.#timer ??= setInterval(() => {
      if (this.#tick()) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    }, this.#period).unref();
  }
}
