import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { Queue } from '../../lib/util/queue.js';

/** A queue, and a plain array that every step is taken on as well. */
class Model {
  readonly #queue = new Queue<number | undefined>();
  #array: (number | undefined)[] = [];

  push(item: number | undefined): void {
    this.#queue.push(item);
    this.#array.push(item);
  }

  shift(times: number): void {
    const taken = Array.from({ length: times }, () => this.#queue.shift());
    expect(taken).toEqual(Array.from({ length: times }, () => this.#array.shift()));
  }

  clear(): void {
    this.#queue.clear();
    this.#array = [];
  }

  compare(): void {
    expect(this.#queue.size).toBe(this.#array.length);
    // From before the first position to behind the last one.
    for (let position = -1; position <= this.#array.length; position++) {
      if (this.#queue.at(position) === this.#array[position]) continue;
      throw new Error(
        `at ${position} is ${this.#queue.at(position)}, not ${this.#array[position]}`,
      );
    }
  }
}

test('an empty queue has nothing to take out and nothing to read', () => {
  const queue = new Queue<string>();
  expect(queue.size).toBe(0);
  expect(queue.shift()).toBeUndefined();
  expect(queue.at(0)).toBeUndefined();
  expect(queue.size).toBe(0);
});

test('what was pushed first comes out first', () => {
  const queue = new Queue<string>();
  for (const item of ['a', 'b', 'c']) queue.push(item);
  expect([queue.shift(), queue.shift(), queue.shift(), queue.shift()]).toEqual([
    'a',
    'b',
    'c',
    undefined,
  ]);
});

test('positions count from the oldest item that is left', () => {
  const queue = new Queue<string>();
  for (const item of ['a', 'b', 'c']) queue.push(item);
  queue.shift();
  expect([queue.at(-1), queue.at(0), queue.at(1), queue.at(2)]).toEqual([
    undefined,
    'b',
    'c',
    undefined,
  ]);
});

test('a cleared queue is empty, and is filled anew', () => {
  const queue = new Queue<string>();
  for (const item of ['a', 'b', 'c']) queue.push(item);
  queue.shift();
  queue.clear();
  expect(queue.size).toBe(0);
  expect(queue.at(0)).toBeUndefined();
  queue.push('d');
  expect(queue.at(0)).toBe('d');
  expect(queue.shift()).toBe('d');
});

test('whatever is pushed, taken out, read and cleared, it is as with a plain array', () => {
  const step = fc.oneof(
    // Long runs, so that the array behind the queue is cut down to size now and then.
    { weight: 5, arbitrary: fc.record({ push: fc.nat(100) }) },
    { weight: 4, arbitrary: fc.record({ shift: fc.nat(100) }) },
    { weight: 1, arbitrary: fc.constant('clear' as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30, size: 'max' }), (steps) => {
      const model = new Model();
      let next = 0;
      for (const step of steps) {
        if (step === 'clear') model.clear();
        else if ('shift' in step) model.shift(step.shift);
        else {
          // An item that is itself undefined has its place like any other.
          for (const end = next + step.push; next < end; next++) {
            model.push(next % 7 === 0 ? undefined : next);
          }
        }
        model.compare();
      }
    }),
  );
});

test.each([1, 1000])(
  'a queue that stays %d long stays small, whatever passes through it',
  async (length) => {
    const queue = new Queue<number>();
    for (let item = 0; item < length; item++) queue.push(item);
    await collectGarbage();
    const before = process.memoryUsage().heapUsed;
    let wrong = 0;
    for (let item = 0; item < 3_000_000; item++) {
      queue.push(item + length);
      if (queue.shift() !== item) wrong++;
    }
    await collectGarbage();
    expect(wrong).toBe(0);
    expect(queue.size).toBe(length);
    // A place kept for each of them would take 24 MB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(10_000_000);
  },
);

test('what was taken out or cleared is not held on to', async () => {
  const queue = new Queue<object>();
  const kept: WeakRef<object>[] = [];
  const push = () => {
    const item = {};
    kept.push(new WeakRef(item));
    queue.push(item);
  };
  for (let count = 0; count < 3; count++) push();
  queue.shift();
  await collectGarbage();
  expect(kept.map((item) => item.deref() !== undefined)).toEqual([false, true, true]);
  queue.clear();
  await collectGarbage();
  expect(kept.map((item) => item.deref() !== undefined)).toEqual([false, false, false]);
});

async function collectGarbage(): Promise<void> {
  // A WeakRef holds its object until the present job of the event loop is over.
  await new Promise((resolve) => setImmediate(resolve));
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
