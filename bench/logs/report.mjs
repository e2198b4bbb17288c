// bench/LOGS.md.
import { writeFileSync } from 'node:fs';
import { AIMS_HEAD, aimRows } from '../aims.mjs';
import { machine, versions } from '../machine.mjs';
import { markdown, section } from '../table.mjs';
import { logAims } from './aims.mjs';
import { engineVersions } from './engines.mjs';

const CLIENTS = ['redis', 'ioredis', '@nats-io/jetstream', '@nats-io/transport-node'];

export function writeReport(results, command) {
  writeFileSync(new URL('../LOGS.md', import.meta.url), markdownOf(results, command));
}

function markdownOf(results, command) {
  const used = { ...machine(), ...versions(CLIENTS, '../node_modules'), ...engineVersions() };
  return [
    '# Shared logs\n',
    `Written by \`${command}\`; don't edit. What stands in brackets is the least and the most of all`,
    'rounds, what stands before them the median.\n',
    '## Aims\n',
    `${markdown(AIMS_HEAD, aimRows(logAims(results)))}\n`,
    ...results.map(section),
    '## Machine and versions\n',
    `${markdown(['', ''], Object.entries(used))}\n`,
    '## Method\n',
    ...METHOD.map((note) => `- ${note}`),
    '',
  ].join('\n');
}

const METHOD = [
  'Redis (`appendonly yes`, `appendfsync everysec`, no snapshots, no rewrite of the file meanwhile) or NATS (JetStream, its streams in files) and all processes are started anew for every run, share the cores, and speak over loopback. The runs of a scenario are interleaved: round 1 of each row, round 2 of each row, and so on. (d), (f) and (g) have 3 rounds at most, (e) and (h) one.',
  'Every client has to get every event exactly once and in order. If one does not, the benchmark fails and writes nothing.',
  '(a) Each writing process has a hub with `requestQueueSize: 1000`, and as many sends that are awaited, each followed by the next. A further process has a hub that follows, and has to get each event of each writer once, in order, with the id that was acknowledged; then the engine itself is asked whether it has exactly these, with none left out. `follower behind` is how long after the last acknowledgement the follower had all. The log keeps all events of a run, but for the one that is full: it keeps 5000, and each write trims. Memory has no process but the writer. Nor has the log without a hub: `append` is called by itself, and what comes back is looked at in the same way. JetStream is given one event at a time by each process.',
  '(a) Plain XADD is one command an event by node-redis, as many in flight: Redis gives the ids, nobody follows, and a connection that breaks would leave holes or doubles.',
  "(b) From just before the send to the client's read, on the same clock, with one client. In memory, both are at the same node. `latest send` says how far behind its time a send was at most.",
  "(c) CPU is user and system time of all nodes, divided by deliveries (events × clients); that of the engine is from /proc, in steps of 10 ms. Where the cores don't suffice for the pace, events come together in one write (`events/read`).",
  '(d) The events were written by another node. The time is from before the connections are opened until all clients have all events; then further events are sent, which have to come as well. RSS growth is the most in that time, above what the node had after a first client that came back 10,000 events behind, and a garbage collection.',
  '(e) `INFO memory` and the sizes of all files, before and after 100,000 events (20,000 with NATS). `once rewritten`: after `BGREWRITEAOF`, without its compression, which real data has less of.',
  '(f) All nodes are logs without a hub in one process, and one of them writes: what is measured is the CPU of the engine, from /proc.',
  '(g) The client has had the first event of its room, and comes back with that id: in memory to the hub that has sent the events, over Redis to a hub that has only just started. 15 clients, one after the other: the median, and what Redis has sent for one of them.',
  '(h) The same, with 1,000 rooms. `connect alone` is until the greeting has come.',
];
