import { Turns } from '../../lib/delivery/turns.js';
import { turn } from '../support/fake-sink.js';
import { range } from '../support/range.js';

/** Stands still for longer than a turn is to take. */
function takeLong(): void {
  const begun = performance.now();
  while (performance.now() - begun < 1);
}

test('each is preloaded before it is visited, together with those that follow', async () => {
  // However busy the machine is, no time passes.
  const now = jest.spyOn(performance, 'now').mockReturnValue(0);
  const steps: string[] = [];
  const turns = new Turns<number>(3, {
    preload: (subject) => steps.push(`preload ${subject}`),
    visit: (subject) => steps.push(`visit ${subject}`),
    passed: () => steps.push('passed'),
  });
  for (const subject of [1, 2, 3, 4]) turns.queue(subject);
  while (!turns.isIdle) await turn();
  const first = ['preload 1', 'preload 2', 'preload 3', 'visit 1', 'visit 2', 'visit 3', 'passed'];
  expect(steps).toEqual([...first, 'preload 4', 'visit 4', 'passed']);
  now.mockRestore();
});

test('a turn that ends early has preloaded no more than 64 of those that wait', async () => {
  let [preloaded, visited] = [0, 0];
  const turns = new Turns<number>(Infinity, {
    preload: () => preloaded++,
    visit: () => {
      visited++;
      takeLong();
    },
    passed: () => {},
  });
  for (const subject of range(1000)) turns.queue(subject);
  await turn();
  expect({ preloaded, visited }).toEqual({ preloaded: 64, visited: 1 });
});

test('all are visited, in the order in which they were queued, however many turns that takes', async () => {
  const visits: number[] = [];
  const turns = new Turns<number>(100, {
    preload: () => {},
    visit: (subject) => {
      visits.push(subject);
      if (subject % 10 === 0) takeLong();
    },
    passed: () => {},
  });
  for (const subject of range(100)) turns.queue(subject);
  while (!turns.isIdle) await turn();
  expect(visits).toEqual(range(100));
});
