import { quote } from '../errors.js';
import { Queue } from '../util/queue.js';

/**
 * A piece of work for a limiter. It holds its slot until it calls `done`, at once or later.
 *
 * `done` is one function for all jobs of a limiter, so that a job costs no closure. Hence the two
 * hazards: a job that never calls it keeps its slot for ever, and a job that calls it twice, or calls it
 * and then throws, lets one job too many run.
 */
export type Job = (done: () => void) => void;

/** Runs jobs in the order of the calls, never more than `concurrency` of them at a time. */
export interface Limiter<Item = Job> {
  /**
   * Starts the job now if a slot is free, else when one is. A job that throws gives its slot back,
   * the others run on, and its error is thrown again on its own, as an uncaught exception.
   */
  (job: Item): void;
  /**
   * How many jobs may hold a slot, an integer from 1 or `Infinity`. May be set at any time: a higher
   * number starts waiting jobs at once, a lower one lets the running ones finish.
   */
  concurrency: number;
  /** The jobs that hold a slot. */
  readonly activeCount: number;
  /** The jobs that wait for one. */
  readonly pendingCount: number;
  /** Forgets the jobs that wait. Those that run are left alone. */
  clear(): void;
}

/**
 * Makes a limiter. With `run`, its jobs are items of any kind, and `run` is what is done with each.
 *
 * Throws a RangeError where `concurrency` is neither an integer from 1 nor `Infinity`.
 */
export function createLimiter(concurrency: number): Limiter;
export function createLimiter<Item>(
  concurrency: number,
  run: (item: Item, done: () => void) => void,
): Limiter<Item>;
// Long, because a limiter's state is in its closure: it is a function with properties.
export function createLimiter<Item>(
  concurrency: number,
  run: (item: Item, done: () => void) => void = (job, done) => (job as Job)(done),
): Limiter<Item> {
  const waiting = new Queue<Item>();
  let slots = checkConcurrency(concurrency);
  let active = 0;
  let starting = false;

  const done = () => {
    active--;
    startWaiting();
  };

  // A job that is done at once would start the next one from inside of itself, and so on down the stack.
  // So only the outermost call loops.
  function startWaiting(): void {
    if (starting) return;
    starting = true;
    while (active < slots && waiting.size > 0) start(waiting.shift() as Item);
    starting = false;
  }

  function start(item: Item): void {
    active++;
    try {
      run(item, done);
    } catch (error) {
      active--;
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  function limit(item: Item): void {
    waiting.push(item);
    startWaiting();
  }

  return Object.defineProperties(limit, {
    concurrency: {
      get: () => slots,
      set: (value: number) => {
        slots = checkConcurrency(value);
        startWaiting();
      },
    },
    activeCount: { get: () => active },
    pendingCount: { get: () => waiting.size },
    clear: { value: () => waiting.clear() },
  }) as Limiter<Item>;
}

function checkConcurrency(value: number): number {
  if ((Number.isInteger(value) && value >= 1) || value === Infinity) return value;
  throw new RangeError(`concurrency ${quote(value)}: must be an integer from 1, or Infinity`);
}
