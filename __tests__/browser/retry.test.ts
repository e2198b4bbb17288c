import { Retry } from '../../lib/browser/connection/retry.js';
import { range } from '../support/range.js';

test('a crowd of 1000 whose server is back after 10 s does not come all at once', () => {
  const arrivals = new Map<number, number>();
  for (const _client of range(1000)) {
    const retry = new Retry();
    let now = 0;
    while (now < 10_000) now += retry.next();
    const second = Math.floor(now / 1000);
    arrivals.set(second, (arrivals.get(second) ?? 0) + 1);
  }
  expect(Math.max(...arrivals.values())).toBeLessThanOrEqual(100);
});

test('a wait is within what the server says, grows with each failure, and is short again after success', () => {
  jest.spyOn(Math, 'random').mockReturnValue(1);
  const retry = new Retry();
  retry.base = 100;
  expect([retry.next(), retry.next(), retry.next()]).toEqual([100, 250, 625]);
  for (const _attempt of range(20)) retry.next();
  expect(retry.next()).toBe(60_000);
  expect(retry.next(5000)).toBe(65_000);
  retry.reset();
  expect(retry.next()).toBe(100);
  retry.base = 120_000;
  expect(retry.next()).toBe(120_000);
  jest.restoreAllMocks();
});
