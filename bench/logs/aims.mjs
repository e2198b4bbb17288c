// What the shared logs are held to, computed from the medians of a run.
import { atLeast, atMost } from '../aims.mjs';

/** One aim in each line. */
export function logAims(results) {
  const median = (id, key, row) => {
    const rows = results.find((scenario) => scenario.id === id)?.rows ?? [];
    const matches = (found) => Object.entries(row).every(([name, value]) => found[name] === value);
    return rows.find(matches)?.figures[key]?.median;
  };
  const rate = (client, writers, isFull = false) =>
    median('a', 'rate', { client, writers, isFull });
  const added = (client) =>
    median('b', 'p50', { client }) - median('b', 'p50', { client: 'memory' });

  return [
    atLeast('a', 'events/s through one Redis, one process', 20_000, rate('redis', 1), '/s'),
    atLeast('a', 'events/s through one Redis, its log full', 20_000, rate('redis', 1, true), '/s'),
    atLeast('a', 'events/s through one Redis, two processes', 20_000, rate('redis', 2), '/s'),
    atLeast('a', 'events/s through one Redis, ioredis', 20_000, rate('ioredis', 1), '/s'),
    atMost('b', 'p50 through Redis, above memory', 3, added('redis'), 'ms'),
    atMost('b', 'p50 through NATS, above memory', 3, added('nats'), 'ms'),
  ];
}
