// What is measured, with whom, and at which size. `quick` shows that all of it works; its figures
// are coarse.
import { fast, idle, paced, spaced, stalling, turns } from './phases.mjs';
import { BARE, BETTER_SSE, FLOOR, HUB, HUB_OVER, HUB_QUEUE_100, NCHAN, SEED } from './targets.mjs';

const KIB = 1024;
const DATA = 128;
const MIDDLEWARE = { options: { middleware: true } };

const COST = { key: 'cpu', head: 'CPU µs/delivery', digits: 2 };
const LOAD = { key: 'load', head: 'load µs/delivery', digits: 2 };
const RATE = { key: 'rate', head: 'deliveries/s', digits: 0 };
const JOINED = { key: 'joined', head: 'events/read', digits: 1 };
const P50 = { key: 'p50', head: 'p50 ms', digits: 2 };
const P99 = { key: 'p99', head: 'p99 ms', digits: 2 };
const LATE = { key: 'late', head: 'latest send ms', digits: 1 };

const NODE_TARGETS = [HUB, BETTER_SSE, 'express-sse', 'sse-channel', BARE, FLOOR];
const SHORT_TARGETS = [HUB, BETTER_SSE, FLOOR];

/**
 * The scenarios of a full or of a quick run. A row of a scenario is what is run once in each round;
 * `target` names one of targets.mjs, `extra` is added to it.
 */
export function scenarios({ quick }) {
  const crowd = quick ? 300 : 1000;
  const many = quick ? 2000 : 15_000;
  const seconds = quick ? 0.6 : 2.5;
  const compared = quick ? SHORT_TARGETS : NODE_TARGETS;
  const rowFor = (more) => (target) => ({ target, size: DATA, ...more });

  return [
    {
      id: 'a',
      title: `Paced: ${crowd} clients, 20 events a second`,
      columns: [P50, P99, COST, JOINED, LATE, LOAD],
      rows: [...compared, SEED, NCHAN].map(rowFor({ clients: crowd })),
      run: (session, row) => paced(session, { ...row, interval: 50, seconds: quick ? 1.5 : 4 }),
    },
    {
      id: 'b',
      title: `One event a turn of the event loop: ${crowd} clients`,
      columns: [COST, RATE, JOINED, LOAD],
      rows: [...compared, SEED].map(rowFor({ clients: crowd })),
      run: (session, row) => fast(session, { ...row, pace: 'turns', seconds }),
    },
    {
      id: 'c',
      title: `Ten events a turn of the event loop: ${crowd} clients`,
      columns: [COST, RATE, JOINED, LOAD],
      rows: [...compared, SEED].map(rowFor({ clients: crowd })),
      run: (session, row) => fast(session, { ...row, pace: 'turns', each: 10, seconds }),
    },
    {
      id: 'd',
      title: `Flood: ${crowd} clients, each send awaited`,
      columns: [COST, RATE, JOINED, LOAD],
      rows: [HUB, HUB_QUEUE_100, ...compared.slice(1), SEED].map(rowFor({ clients: crowd })),
      run: (session, row) => fast(session, { ...row, pace: 'awaited', seconds }),
    },
    {
      id: 'e',
      title: `Idle: ${many} clients`,
      maxRounds: 3,
      columns: [
        { key: 'heap', head: 'heap KiB/client', digits: 2 },
        { key: 'rss', head: 'RSS KiB/client', digits: 2 },
        { key: 'connect', head: 'CPU µs/connect', digits: 1 },
      ],
      rows: [HUB, BARE, BETTER_SSE].map(rowFor({ clients: many, gc: true })),
      run: idle,
    },
    {
      id: 'f',
      title: `Turns of the event loop during a broadcast to ${many} clients`,
      maxRounds: 3,
      columns: [
        { key: 'turnP99', head: 'turn p99 ms', digits: 2 },
        { key: 'turnMax', head: 'turn max ms', digits: 1 },
      ],
      rows: [HUB, BETTER_SSE, BARE].map(rowFor({ clients: many })),
      run: (session, row) => turns(session, { ...row, broadcasts: quick ? 5 : 20 }),
    },
    stalled(quick),
    {
      id: 'h',
      title: 'Large events, each sent when the one before it has arrived',
      columns: [COST, P99, LOAD],
      rows: [
        { size: KIB, clients: crowd },
        { size: 16 * KIB, clients: crowd },
        { size: 1024 * KIB, clients: quick ? 10 : 50 },
      ].flatMap((row) =>
        [HUB, FLOOR].map((target) => ({ ...row, target, label: sizeLabel(target, row) })),
      ),
      run: (session, row) => spaced(session, { ...row, seconds }),
    },
    {
      id: 'i',
      title: 'Growth: the same event for ever more clients',
      columns: [COST, JOINED, LOAD],
      rows: (quick ? [500, 2000] : [100, 1000, 10_000]).flatMap((clients) =>
        [HUB, FLOOR].map((target) => ({
          target,
          clients,
          size: DATA,
          label: `${target}, ${clients} clients`,
        })),
      ),
      run: (session, row) => spaced(session, { ...row, seconds }),
    },
    {
      id: 'j',
      title: `Behind compression, helmet and morgan: ${crowd} clients that accept gzip`,
      columns: [COST, RATE, JOINED, LOAD],
      rows: ['20 events a second', 'ten events a turn'].flatMap((pace) =>
        [undefined, MIDDLEWARE].map((extra) => ({
          target: HUB,
          size: DATA,
          clients: crowd,
          pace,
          behind: extra !== undefined,
          extra,
          label: `${pace}, ${extra ? 'behind them' : 'alone'}`,
        })),
      ),
      run: (session, { pace, ...row }) => {
        const given = { ...row, headers: 'Accept-Encoding: gzip\r\n', seconds };
        return pace === 'ten events a turn'
          ? fast(session, { ...given, pace: 'turns', each: 10 })
          : paced(session, { ...given, interval: 50 });
      },
    },
    {
      id: 'k',
      title: `Kinds of connections: ${crowd / 2} clients, 20 events a second`,
      columns: [P50, P99, COST, LOAD],
      rows: CONNECTIONS.map(({ kind, connection }) => ({
        target: HUB_OVER,
        size: DATA,
        clients: crowd / 2,
        connection,
        extra: { options: { connection: kind } },
        label: connection.shared ? `${kind}, ${connection.shared} streams a connection` : kind,
      })),
      run: (session, row) => paced(session, { ...row, interval: 50, seconds: quick ? 1.5 : 4 }),
    },
  ];
}

/** How the load's clients connect, and what the server speaks with them. */
const CONNECTIONS = [
  { kind: 'HTTP/1.1', connection: {} },
  { kind: 'HTTP/1.1 over TLS', connection: { tls: true } },
  { kind: 'HTTP/2', connection: { http2: true } },
  { kind: 'HTTP/2 over TLS', connection: { http2: true, tls: true } },
  { kind: 'HTTP/2', connection: { http2: true, shared: 100 } },
  { kind: 'HTTP/2 over TLS', connection: { http2: true, tls: true, shared: 100 } },
];

function sizeLabel(target, { size, clients }) {
  const text = size < 1024 * KIB ? `${size / KIB} KiB` : `${size / 1024 / KIB} MiB`;
  return `${target}, ${text} to ${clients} clients`;
}

/**
 * The pace goes on for longer than the hub's sendTimeout, so the cut is part of it, and leaves some
 * CPU to all targets: one that can't keep up would show its backlog, and not what stalls.
 */
function stalled(quick) {
  const clients = quick ? 500 : 5000;
  const some = clients / 10;
  return {
    id: 'g',
    title: `Stalled: ${clients} clients, 5 events of 1 KiB a second`,
    maxRounds: 3,
    columns: [
      P50,
      P99,
      { key: 'growth', head: 'RSS growth MiB', digits: 1 },
      { key: 'cut', head: 'cut off', digits: 0 },
      { key: 'full', head: 'stalled at first', digits: 0 },
      COST,
      LOAD,
    ],
    rows: [
      { target: HUB, stalled: 0, label: `${HUB}, none stalled` },
      { target: HUB, stalled: some, label: `${HUB}, ${some} stalled` },
      ...(quick
        ? []
        : [{ target: BETTER_SSE, stalled: some, label: `${BETTER_SSE}, ${some} stalled` }]),
    ].map((row) => ({ ...row, clients, size: KIB, track: true })),
    run: (session, row) => stalling(session, { ...row, interval: 200, seconds: quick ? 2 : 12 }),
  };
}
