import { AsyncResource } from 'node:async_hooks';

/**
 * Where timers run. One that is started while a request is answered would keep the request's AsyncLocalStorage for as
 * long as it runs, and show it to what others do.
 */
const outside = new AsyncResource('express-sse-hub');

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
    this.#timer ??= outside.runInAsyncScope(() =>
      setInterval(() => this.#run(), this.#period).unref(),
    );
  }

  #run(): void {
    if (this.#tick()) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
