// What the shared logs are held to, computed from the medians of a run.
import { atLeast, atMost } from '../aims.mjs';

/** One aim in each line. */
export function logAims(results) {
  const median = (id, key, row) => {
    const rows = results.find((scenario) => scenario.id === id)?.rows ?? [];
    const matches = (found) => Object.entries(row).every(([name, value]) => found[name] === value);
    return rows.find(matches)?.figures[key]?.median;
  };
  const rate = (client, writers, row = {}) =>
    median('a', 'rate', { client, writers, isFull: false, rooms: 0, isAlone: false, ...row });
  const appends = (what, most, found) => atLeast('a', `events/s ${what}`, most, found, '/s');
  const added = (client) =>
    median('b', 'p50', { client }) - median('b', 'p50', { client: 'memory' });

  return [
    appends('through one Redis, one process', 20_000, rate('redis', 1)),
    appends('through one Redis, its log full', 20_000, rate('redis', 1, { isFull: true })),
    appends('through one Redis, two processes', 20_000, rate('redis', 2)),
    appends('for rooms through one Redis', 20_000, rate('redis', 1, { rooms: 300 })),
    appends('to Redis, the log without a hub', 40_000, rate('redis', 1, { isAlone: true })),
    appends(
      'for rooms to Redis, the log without a hub',
      25_000,
      rate('redis', 1, { isAlone: true, rooms: 300 }),
    ),
    appends('through one Redis, ioredis', 20_000, rate('ioredis', 1)),
    atMost('b', 'p50 through Redis, above memory', 3, added('redis'), 'ms'),
    atMost('b', 'p50 through NATS, above memory', 3, added('nats'), 'ms'),
    ...['memory', 'redis'].map((client) =>
      atMost(
        'g',
        `replay of a room beside 300, to alone: ${client}`,
        1.5,
        median('g', 'ratio', { client, others: 300 }),
        '×',
      ),
    ),
    atMost(
      'h',
      'join in memory, above a connect',
      2,
      median('h', 'added', { client: 'memory' }),
      'ms',
    ),
    atMost(
      'h',
      'join over Redis, above a connect',
      5,
      median('h', 'added', { client: 'redis' }),
      'ms',
    ),
    atMost('j', 'a stop from another node, at most', 200, median('j', 'max', {}), 'ms'),
    atMost(
      'k',
      'reload of an answer beside 300, to alone',
      1.5,
      median('k', 'ratio', { others: 300 }),
      '×',
    ),
  ];
}
