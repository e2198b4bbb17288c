import { Backoff } from '../../../lib/log/shared/backoff.js';

const open = new AbortController().signal;

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

/** How long each of so many attempts in a row has to wait, in ms. */
async function waits(backoff: Backoff, count: number): Promise<number[]> {
  const all: number[] = [];
  for (let attempt = 0; attempt < count; attempt++) {
    const from = performance.now();
    const turn = backoff.turn(open);
    await jest.runAllTimersAsync();
    await turn;
    all.push(Math.round(performance.now() - from));
  }
  return all;
}

test('the first attempt is made at once, and each further one later, up to a bound', async () => {
  jest.spyOn(Math, 'random').mockReturnValue(0);
  expect(await waits(new Backoff(), 6)).toEqual([0, 250, 500, 1000, 1500, 1500]);
});

test('the waits are spread, up to half as long again', async () => {
  jest.spyOn(Math, 'random').mockReturnValue(1);
  expect(await waits(new Backoff(), 6)).toEqual([0, 375, 750, 1500, 2250, 2250]);
});

test('nodes that lose a connection which lasted come back at different moments, within 100 ms', async () => {
  const after: number[] = [];
  for (let node = 0; node < 50; node++) {
    const backoff = new Backoff();
    await backoff.turn(open);
    await jest.advanceTimersByTimeAsync(60_000);
    after.push(...(await waits(backoff, 1)));
  }
  expect(new Set(after).size).toBeGreaterThan(10);
  expect(Math.max(...after)).toBeLessThanOrEqual(100);
});

test('no second of a long outage has ten attempts, whatever the chance', async () => {
  const backoff = new Backoff();
  const at: number[] = [];
  for (const wait of await waits(backoff, 100)) at.push((at.at(-1) ?? 0) + wait);
  const most = at.map((start) => at.filter((time) => time >= start && time < start + 1000).length);
  expect(Math.max(...most)).toBeLessThan(10);
});

test('who waits is let go as soon as somebody else has reached the engine', async () => {
  const backoff = new Backoff();
  await waits(backoff, 5);
  const turn = backoff.turn(open);
  backoff.hurry();
  await turn;
  expect(jest.getTimerCount()).toBe(0);
});

test('who waits is let go when its signal aborts, and learns the reason', async () => {
  const backoff = new Backoff();
  await waits(backoff, 5);
  const controller = new AbortController();
  const reason = new Error('closed');
  const turn = expect(backoff.turn(controller.signal)).rejects.toBe(reason);
  controller.abort(reason);
  await turn;
  expect(jest.getTimerCount()).toBe(0);
});
