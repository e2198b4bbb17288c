// What is measured, with which client, and at which size. `quick` shows that all of it works; its
// figures are coarse.
import { answering, reload, stopping } from './answers.mjs';
import { cost } from './cost.mjs';
import { appends, fanOut, latency, replay } from './phases.mjs';
import { readers } from './readers.mjs';
import { join, roomReplay } from './rooms.mjs';

/** More than any run writes. */
const KEEP_ALL = { events: 1_000_000 };
/** What any run writes before it is measured, and more than is on its way at a time. */
const FULL = { events: 5000 };

/** The same with rooms, in a hub and in Redis. */
const IN_MEMORY = { events: 1_000_000, bytes: 2 ** 31 };
const KEEP_ALL_OF_ROOMS = { events: 1_000_000, room: { events: 1000 } };

const NAMES = {
  memory: 'memory',
  redis: 'Redis (node-redis)',
  ioredis: 'Redis (ioredis)',
  nats: 'NATS',
  plain: 'plain XADD (node-redis)',
};

const RATE = { key: 'rate', head: 'events/s', digits: 0 };
const ENGINE = { key: 'engine', head: 'engine µs/event', digits: 1 };
const P50 = { key: 'p50', head: 'p50 ms', digits: 2 };
const P99 = { key: 'p99', head: 'p99 ms', digits: 2 };
const COST = { key: 'cpu', head: 'CPU µs/delivery', digits: 2 };

/**
 * The scenarios of a full or of a quick run. A row of a scenario is what is run once in each round;
 * `client` says which log it uses, and how; those of `full` are left out of a quick run.
 */
export function scenarios({ quick }) {
  const inFlight = 1000;
  const crowd = quick ? 300 : 900;
  const behind = quick ? 10_000 : 50_000;
  const warmUp = quick ? 0.2 : 1;
  const seconds = quick ? 0.4 : 2.5;
  const inBoth = (row) => !quick || !row.full;

  return [
    {
      id: 'a',
      title: `Appends: events of 128 bytes, ${inFlight} of each process in flight`,
      columns: [
        RATE,
        { key: 'share', head: 'of plain XADD', digits: 2 },
        { key: 'cpu', head: 'writers µs/event', digits: 1 },
        { key: 'follower', head: 'follower µs/event', digits: 1 },
        ENGINE,
        { key: 'behind', head: 'follower behind ms', digits: 0 },
      ],
      rows: [
        { client: 'memory', writers: 1 },
        { client: 'redis', writers: 1 },
        { client: 'redis', writers: 2 },
        { client: 'redis', writers: 1, history: FULL, what: ', a log that is full' },
        { client: 'redis', writers: 1, rooms: 300, what: ', each event for one of 300 rooms' },
        { client: 'redis', writers: 1, isAlone: true, what: ', the log without a hub' },
        {
          ...{ client: 'redis', writers: 1, isAlone: true, rooms: 300 },
          what: ', the log without a hub, each event for one of 300 rooms',
        },
        { client: 'ioredis', writers: 1 },
        { client: 'ioredis', writers: 2, full: true },
        { client: 'nats', writers: 1 },
        { client: 'nats', writers: 2, full: true },
        { client: 'plain', writers: 1 },
      ]
        .filter(inBoth)
        .map(({ history = KEEP_ALL, what = '', rooms = 0, isAlone = false, ...row }) => ({
          ...row,
          rooms,
          isAlone,
          history,
          isFull: history === FULL,
          label: `${NAMES[row.client]}, ${row.writers === 1 ? 'one process' : 'two processes'}${what}`,
        })),
      run: (cluster, row) => appends(cluster, { ...row, inFlight, warmUp, seconds }),
      derive: addShares,
    },
    {
      id: 'b',
      title: 'Latency: 100 events a second, from the send on one node to the client of another',
      columns: [
        P50,
        P99,
        { key: 'max', head: 'max ms', digits: 2 },
        { key: 'late', head: 'latest send ms', digits: 1 },
      ],
      rows: [
        { client: 'memory', nodes: 1, label: 'memory, one node' },
        ...['redis', 'ioredis', 'nats'].map((client) => ({
          client,
          nodes: 2,
          label: NAMES[client],
          full: client === 'ioredis',
        })),
      ].filter(inBoth),
      run: (cluster, row) =>
        latency(cluster, { ...row, interval: 10, warmUp, seconds: quick ? 0.6 : 4 }),
    },
    {
      id: 'c',
      title: `Fan-out: 200 events a second, sent on one of three nodes with ${crowd / 3} clients each`,
      columns: [
        { key: 'rate', head: 'deliveries/s', digits: 0 },
        COST,
        { key: 'engine', head: 'engine µs/event/node', digits: 1 },
        P50,
        P99,
        { key: 'joined', head: 'events/read', digits: 1 },
        { key: 'load', head: 'load µs/delivery', digits: 2 },
      ],
      rows: [
        { client: 'memory', nodes: 1, label: `memory, one node with ${crowd} clients` },
        ...['redis', 'nats'].map((client) => ({
          client,
          nodes: 3,
          label: NAMES[client],
          full: client === 'nats',
        })),
      ].filter(inBoth),
      run: (cluster, row) =>
        fanOut(cluster, { ...row, clients: crowd, interval: 5, warmUp, seconds }),
    },
    {
      id: 'd',
      title: `Replay: clients that come back ${behind} events behind a node that holds 1000`,
      maxRounds: 3,
      columns: [
        { key: 'live', head: 'live after s', digits: 2 },
        { key: 'rate', head: 'deliveries/s', digits: 0 },
        { key: 'growth', head: 'RSS growth MiB', digits: 1 },
        COST,
        { key: 'engine', head: 'engine µs/delivery', digits: 2 },
      ],
      rows: (quick ? [20] : [1, 100]).map((clients) => ({
        client: 'redis',
        clients,
        label: `${NAMES.redis}, ${clients === 1 ? 'one client' : `${clients} clients at once`}`,
      })),
      run: (cluster, row) => replay(cluster, { ...row, behind, warmUp: quick ? 2000 : 10_000 }),
    },
    {
      id: 'e',
      title: 'What an event of 128 bytes takes in the engine',
      maxRounds: 1,
      columns: [
        { key: 'memory', head: 'bytes in memory', digits: 0 },
        { key: 'disk', head: 'bytes on disk', digits: 0 },
        { key: 'rewritten', head: 'once rewritten', digits: 0 },
      ],
      rows: [
        { client: 'redis', label: 'Redis', events: quick ? 20_000 : 100_000 },
        { client: 'nats', label: NAMES.nats, events: quick ? 2000 : 20_000 },
      ].map((row) => ({ ...row, history: KEEP_ALL })),
      run: cost,
    },
    {
      id: 'f',
      title: `What nodes cost the engine: events of 128 bytes, ${inFlight} in flight, a log that is full`,
      maxRounds: 3,
      columns: [ENGINE],
      rows: [
        { client: 'redis', nodes: 1 },
        { client: 'redis', nodes: 5, full: true },
        { client: 'redis', nodes: 10 },
        { client: 'redis', nodes: 20, full: true },
        { client: 'nats', nodes: 1 },
        { client: 'nats', nodes: 5, full: true },
        { client: 'nats', nodes: 10, full: true },
      ]
        .filter(inBoth)
        .map((row) => ({
          ...row,
          history: FULL,
          label: `${NAMES[row.client]}, ${row.nodes} ${row.nodes === 1 ? 'node' : 'nodes'}`,
        })),
      run: (cluster, row) => {
        const events = row.client === 'nats' ? 5000 : 20_000;
        return readers(cluster, { ...row, warmUp: FULL.events, events: quick ? 5000 : events });
      },
    },
    {
      id: 'g',
      title: 'Replay of a room: a client that comes back to a node that has only just started',
      maxRounds: 3,
      columns: [
        { key: 'live', head: 'live after ms', digits: 2 },
        { key: 'bytes', head: 'KiB from the engine', digits: 0 },
        { key: 'ratio', head: 'to alone', digits: 2 },
      ],
      rows: ['memory', 'redis'].flatMap((client) =>
        [0, 300].map((others) => ({
          client,
          others,
          events: quick ? 100 : 300,
          history: client === 'memory' ? IN_MEMORY : KEEP_ALL_OF_ROOMS,
          label: `${NAMES[client]}, ${others === 0 ? 'alone' : `beside ${others} rooms as large`}`,
        })),
      ),
      run: roomReplay,
      derive: addRatios,
    },
    {
      id: 'h',
      title: `Join: a client that begins with the newest 20 events of its room, in a log of ${quick ? '20,000' : '1,000,000'}`,
      maxRounds: 1,
      columns: [
        { key: 'join', head: 'all 20 after ms', digits: 2 },
        { key: 'connect', head: 'connect alone ms', digits: 2 },
        { key: 'added', head: 'added ms', digits: 2 },
      ],
      rows: ['memory', 'redis'].map((client) => ({
        client,
        events: quick ? 20_000 : 1_000_000,
        rooms: 1000,
        history: client === 'memory' ? IN_MEMORY : KEEP_ALL,
        label: NAMES[client],
      })),
      run: join,
    },
    {
      id: 'i',
      title: 'Answers: 20 chunks a second each, with two readers, produced by two nodes',
      maxRounds: 3,
      columns: [
        { key: 'rate', head: 'chunks/s', digits: 0 },
        P50,
        P99,
        { key: 'node', head: 'CPU µs/chunk/node', digits: 1 },
        { key: 'engine', head: 'engine µs/chunk', digits: 1 },
      ],
      rows: [
        { answers: 100, logs: 1 },
        { answers: 300, logs: 1 },
        { answers: 300, logs: 2 },
      ].map((row) => ({
        ...row,
        client: 'redis',
        label: `${row.answers} answers in ${row.logs === 1 ? 'one log' : 'two logs'}`,
      })),
      run: (cluster, { answers, logs }) =>
        answering(cluster, {
          answers: quick ? answers / 10 : answers,
          ...{ logs, rate: 20, readers: 2, warmUp: quick ? 0 : 1500, seconds: quick ? 1 : 6 },
        }),
    },
    {
      id: 'j',
      title: 'Stop: from the call on one node until the producer on another is notified',
      maxRounds: 1,
      columns: [P50, { key: 'max', head: 'max ms', digits: 2 }],
      rows: [{ client: 'redis', label: NAMES.redis }],
      run: stopping,
    },
    {
      id: 'k',
      title: 'Reload: an answer of 300 chunks is read from its beginning',
      maxRounds: 3,
      columns: [
        { key: 'live', head: 'all after ms', digits: 2 },
        { key: 'ratio', head: 'to alone', digits: 2 },
      ],
      rows: [0, 300].map((others) => ({
        client: 'redis',
        others,
        label: others === 0 ? 'alone' : `beside ${others} others as large`,
      })),
      run: (cluster, { others }) => reload(cluster, { others, chunks: quick ? 100 : 300 }),
      derive: addRatios,
    },
  ];
}

/** To what plain commands reach. */
function addShares(rows) {
  const floor = rows.find(({ client }) => client === 'plain').figures.rate.median;
  for (const { client, figures } of rows) {
    if (client === 'memory') continue;
    const share = figures.rate.median / floor;
    figures.share = { median: share, min: share, max: share };
  }
}
/** To the same without others. */
function addRatios(rows) {
  for (const { client, figures } of rows) {
    const alone = rows.find((row) => row.client === client && row.others === 0).figures.live.median;
    const ratio = figures.live.median / alone;
    figures.ratio = { median: ratio, min: ratio, max: ratio };
  }
}
