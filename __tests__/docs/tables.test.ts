import { ROUTE_OPTIONS } from '../../lib/http/route-options.js';
import { createHub, SseError } from '../../lib/index.js';
import { readHubOptions } from '../../lib/options.js';
import { readTable } from '../support/markdown.js';
import { read } from '../support/pages.js';
import { serve } from '../support/server.js';
import { StreamReader } from '../support/stream-client.js';

const OPTIONS = read('docs/reference/options.md');

test('the table of options names every option, with its default', () => {
  const rows = readTable(OPTIONS, 'Option');
  const told = rows.map(([name, value]) => [unquote(name), evaluate(value)]);
  expect(Object.fromEntries(told)).toEqual(readHubOptions({}));
});

test('the table of options of a route names every one', () => {
  const told = readTable(OPTIONS, 'Route option').map(([name]) => unquote(name));
  expect(told.sort()).toEqual(['hub', ...ROUTE_OPTIONS].sort());
});

test('the table of figures names every one', () => {
  const told = readTable(read('docs/reference/stats.md'), 'Figure').map(([name]) => unquote(name));
  expect(told).toEqual(Object.keys(createHub().stats()));
});

test('the table of errors names every code, with its status', () => {
  const rows = readTable(read('docs/reference/errors.md'), '`code`').map(([code, status]) => [
    unquote(code),
    status,
  ]);
  const codes = [
    'ERR_SSE_CLOSED',
    'ERR_SSE_LOG_AWAY',
    'ERR_SSE_LOG_REFUSED',
    'ERR_SSE_CANNOT_STREAM',
    'ERR_SSE_ANSWER_EXISTS',
    'ERR_SSE_ANSWER_ENDED',
    'ERR_SSE_ANSWER_UNKNOWN',
    'ERR_SSE_ANSWERS_FULL',
  ] as const;
  expect(rows).toEqual(codes.map((code) => [code, String(new SseError(code, '').status)]));
});

test('the table of gaps names every reason', async () => {
  const told = readTable(read('docs/guides/replay-and-gaps.md'), '`reason`').flatMap(([reasons]) =>
    reasons?.split(', ').map(unquote),
  );

  const reasons = new Set(['slow']); // as another suite shows
  const hub = createHub({ history: { events: 1 } });
  const origin = await serve((req, res) => void hub.open(req, res));
  const epoch = (await hub.send(1)).split('.')[0];
  await hub.send(2);
  for (const id of [`${epoch}.0`, 'other.1', `${epoch}.3`, 'none', 'x'.repeat(65)]) {
    const reader = await StreamReader.open(origin, { headers: { 'last-event-id': id } });
    const [gap] = await reader.received(1);
    reasons.add(JSON.parse(gap?.data as string).reason);
  }
  expect(new Set(told)).toEqual(reasons);
});

test('the figures of speed are those that the benchmark wrote', () => {
  const [, section = ''] = /^## How fast it is\n(.*?)^## /ms.exec(read('README.md')) ?? [];
  const written = new Set(read('bench/RESULTS.md').match(/[\d,]*\d(\.\d+)?/g));
  // Those that a run measures have a decimal point, or commas.
  const quoted = section.match(/\d[\d,]*[.,]\d+/g) ?? [];
  expect(quoted.length).toBeGreaterThan(20);
  expect(quoted.filter((figure) => !written.has(figure))).toEqual([]);
});

test('what the logs cost, in the guide, is what their benchmark wrote', () => {
  const written = new Set(read('bench/LOGS.md').match(/[\d,]*\d(\.\d+)?/g));
  const quoted = readTable(read('docs/guides/many-nodes.md'), 'events of 128 bytes').flatMap(
    (row) => row.slice(1).flatMap((cell) => cell.match(/[\d,]*\d(\.\d+)?/g) ?? []),
  );
  expect(quoted.length).toBeGreaterThan(10);
  expect(quoted.filter((figure) => !written.has(figure))).toEqual([]);
});

test('the Go package has its defaults beside those from here', () => {
  const settings: Record<string, unknown> = { ...readHubOptions({}) };
  for (const [, here] of readTable(read('docs/from-go.md'), 'Go')) {
    for (const [, name, value] of (here as string).matchAll(/`(\w+)` \(([\d ]+)/g)) {
      expect([name, Number(value?.replaceAll(' ', ''))]).toEqual([name, settings[name as string]]);
    }
  }
});

function evaluate(cell = ''): unknown {
  return cell.startsWith('`') ? new Function(`return (${unquote(cell)});`)() : undefined;
}

function unquote(cell: string | undefined): string {
  return cell?.replaceAll('`', '') ?? '';
}
