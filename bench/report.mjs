// bench/RESULTS.md and bench/results.svg.
import { writeFileSync } from 'node:fs';
import { AIMS_HEAD, aimRows } from './aims.mjs';
import { chart } from './chart.mjs';
import { checklist } from './checklist.mjs';
import { machine, versions } from './machine.mjs';
import { markdown, section } from './table.mjs';
import { HUB, targets } from './targets.mjs';

const CHARTED = { a: '20 events a second', b: 'One event a turn', c: 'Ten events a turn' };

export function writeReport(results, { command, notes, moreVersions }) {
  const compared = results.filter(({ id }) => id in CHARTED);
  const hasChart = compared.length === Object.keys(CHARTED).length;
  if (hasChart) writeFileSync(new URL('results.svg', import.meta.url), draw(compared));
  const file = new URL('RESULTS.md', import.meta.url);
  writeFileSync(file, markdownOf(results, { command, notes, moreVersions, hasChart }));
}

function draw(compared) {
  const labels = compared[0].rows.map(({ label }) => label);
  const panels = compared.map(({ id, rows }) => ({
    title: CHARTED[id],
    bars: labels.map((label) => ({
      label,
      value: rows.find((row) => row.label === label)?.figures.cpu.median,
      ours: label === HUB,
    })),
  }));
  const { clients } = compared[0].rows[0];
  return chart(
    `CPU of the server for each delivery, in µs, with ${clients} clients (each panel has its own scale)`,
    panels,
  );
}

function markdownOf(results, { command, notes, moreVersions, hasChart }) {
  const list = (object) => Object.entries(object).map(([name, value]) => [name, value]);
  const packages = Object.values(targets).flatMap((target) => target.packages ?? []);
  const all = { ...versions([...packages, 'compression', 'helmet', 'morgan']), ...moreVersions };
  return [
    '# Results\n',
    `Written by \`${command}\`; don't edit. What stands in brackets is the least and the most of all`,
    'rounds, what stands before them the median.\n',
    ...(hasChart ? ['![CPU of the server for each delivery](results.svg)\n'] : []),
    '## Aims\n',
    `${markdown(AIMS_HEAD, aimRows(checklist(results)))}\n`,
    ...results.map(section),
    '## Machine and versions\n',
    `${markdown(['', ''], [...list(machine()), ...list(all)])}\n`,
    '## Method\n',
    ...METHOD.map((note) => `- ${note}`),
    ...notes.map((note) => `- ${note}`),
    '',
  ].join('\n');
}

const METHOD = [
  'The server under test and the load are two processes, started anew for every run. The runs of a scenario are interleaved: round 1 of each row, round 2 of each row, and so on. (e), (f) and (g), which take long, have 3 rounds at most.',
  'Every client has to get every event exactly once and in order. If one does not, the benchmark fails and writes nothing.',
  "CPU is user and system time of the server process over the measured phase, after a warm-up, divided by deliveries (events × clients). It contains the kernel's part of writing to loopback, which is most of it where each event is a write.",
  "The load reads raw sockets into one buffer and looks at 24 bytes of each event; `load µs/delivery` is what that costs. It is mostly the kernel's part of a read, and in a process of its own. Where it is as high as the server's, deliveries/s are bounded by the load on a machine with few cores; CPU per delivery is not.",
  '`events/read` says how many events came with one read of a client: it is 1 where each event was a write of its own.',
  "(a) Latency is from just before the send to the client's read, on the same clock. `latest send` says how far behind its time a send was at most.",
  "(b), (c), (j) After the events of a turn the next turn is waited for. express-sse-hub's sends are awaited as well, so it may take several turns for them: that is its backpressure. The number of events is chosen so that a run takes some 2.5 s.",
  "(d) The others have nothing to await: a broadcast is followed by one turn of the event loop. None of them bounds the memory of clients that can't keep up; here the number of events does.",
  '(e) Heap and RSS are measured after several garbage collections, with 1000 clients connected before; the difference is divided by the number of clients. express-sse is left out, as connecting is quadratic in it.',
  '(f) A chain of `setImmediate` measures the turns from the send of each broadcast until it has arrived everywhere. Where a broadcast is one turn, the many short turns after it make p99 meaningless: look at the longest.',
  '(g) The clients that have stalled connect first and read nothing after the head. They are sent events of 64 KiB until the kernel takes no more for them (some MB each, 2 GB of kernel memory in all); then the others connect, and the pace begins. The hub cuts them off 10 s later, which is within the 12 s that are measured. RSS growth is over those.',
  '(h), (i) The pace is found in the warm-up: half as long again as an event takes until it has arrived everywhere, so that no two are written together.',
  '(k) The hub with nothing in front, on the servers of node:http, node:https and node:http2. The load reads these with the same modules of Node, so its own part is no measure of a browser’s.',
  'WheeskyJack/sse sends its head with the first event, so its clients count as connected when it has taken them on. Its sends wait for room in its queue of 10. A turn is `runtime.Gosched()` there.',
  'Nchan is published to over one connection that is kept. Its CPU is that of the worker from /proc, in steps of 10 ms.',
];
