import { Turns } from '../../lib/delivery/turns.js';
import { turn } from '../support/fake-sink.js';
import { range } from '../support/range.js';

/** On the clock, which goes on in visits alone: however busy the machine is, a test takes no time. */
let time = 0;

beforeEach(() => {
  jest.spyOn(performance, 'now').mockImplementation(() => time);
});

afterEach(() => jest.restoreAllMocks());

test('each is preloaded before it is visited, together with those that follow', async () => {
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
});

test.each([
  [1, 1],
  [0.1, 8],
])(
  'a turn of %d ms a visit ends after %d, and has preloaded no more than 64 of those that wait',
  async (cost, visits) => {
    let [preloaded, visited] = [0, 0];
    const turns = new Turns<number>(Infinity, {
      preload: () => preloaded++,
      visit: () => {
        visited++;
        time += cost;
      },
      passed: () => {},
    });
    for (const subject of range(1000)) turns.queue(subject);
    await turn();
    expect({ preloaded, visited }).toEqual({ preloaded: 64, visited: visits });
  },
);

test('all are visited, in the order in which they were queued, however many turns that takes', async () => {
  const visits: number[] = [];
  const turns = new Turns<number>(100, {
    preload: () => {},
    visit: (subject) => {
      visits.push(subject);
      if (subject % 10 === 0) time++;
    },
    passed: () => {},
  });
  for (const subject of range(100)) turns.queue(subject);
  while (!turns.isIdle) await turn();
  expect(visits).toEqual(range(100));
});
