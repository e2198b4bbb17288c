// What the package is held to, computed from the medians of a run.
import { atLeast, atMost } from './aims.mjs';
import { BARE, BETTER_SSE, FLOOR, HUB, HUB_QUEUE_100, SEED } from './targets.mjs';

/** One aim in each line. */
export function checklist(results) {
  const median = (id, key, row) => {
    const rows = results.find((scenario) => scenario.id === id)?.rows ?? [];
    const matches = (found) => Object.entries(row).every(([name, value]) => found[name] === value);
    return rows.find(matches)?.figures[key]?.median;
  };
  const ratio = (id, key, row, other) => median(id, key, row) / median(id, key, other);
  const hub = { target: HUB };
  const against = (id, target, key = 'cpu') => ratio(id, key, hub, { target });

  const largest = results.find(({ id }) => id === 'h')?.rows ?? [];
  const sizes = [...new Set(largest.map(({ size }) => size))];
  const growth = results.find(({ id }) => id === 'i')?.rows ?? [];
  const crowds = [...new Set(growth.map(({ clients }) => clients))];
  const toFloor = (clients) => ratio('i', 'cpu', { ...hub, clients }, { target: FLOOR, clients });
  const stalledRows = results.find(({ id }) => id === 'g')?.rows ?? [];
  const stalled = stalledRows.find(({ target, stalled }) => target === HUB && stalled > 0)?.stalled;
  const behind = (pace) => ratio('j', 'cpu', { pace, behind: true }, { pace, behind: false });

  return [
    atMost('a', 'CPU per delivery, to the raw socket', 1.15, against('a', FLOOR)),
    atMost('a', 'CPU per delivery, to better-sse', 0.5, against('a', BETTER_SSE)),
    atMost('b', 'CPU per delivery, to the raw socket', 0.25, against('b', FLOOR)),
    atMost('b', 'CPU per delivery, to better-sse', 0.1, against('b', BETTER_SSE)),
    atMost('c', 'CPU per delivery, to better-sse', 0.15, against('c', BETTER_SSE)),
    atLeast('d', 'deliveries/s, to the Go package', 6, against('d', SEED, 'rate')),
    atLeast(
      'd',
      'deliveries/s with a queue of 100, to the Go package',
      15,
      ratio('d', 'rate', { target: HUB_QUEUE_100 }, { target: SEED }),
    ),
    atMost('e', 'heap of a client, to bare Express', 1.25, against('e', BARE, 'heap')),
    atMost('e', 'CPU per connect, to bare Express', 1.15, against('e', BARE, 'connect')),
    atMost('f', 'turn p99', 1, median('f', 'turnP99', hub), 'ms'),
    atMost('f', 'longest turn', 20, median('f', 'turnMax', hub), 'ms'),
    atMost(
      'g',
      'p99 of the others, to that with none stalled',
      1.3,
      ratio('g', 'p99', { ...hub, stalled }, { ...hub, stalled: 0 }),
    ),
    ...(sizes.length > 0 ? sizes : [undefined]).map((size) =>
      atMost(
        'h',
        `CPU per delivery ${size ? `of ${size / 1024} KiB` : 'of large events'}, to the raw socket`,
        1.1,
        ratio('h', 'cpu', { ...hub, size }, { target: FLOOR, size }),
      ),
    ),
    atMost(
      'i',
      `ratio to the raw socket at ${crowds.at(-1) ?? 10_000} clients, to that at ${crowds.at(-2) ?? 1000}`,
      1.25,
      toFloor(crowds.at(-1)) / toFloor(crowds.at(-2)),
    ),
    ...['20 events a second', 'ten events a turn'].map((pace) =>
      atMost('j', `CPU per delivery behind middleware, to that alone: ${pace}`, 1.15, behind(pace)),
    ),
  ];
}
