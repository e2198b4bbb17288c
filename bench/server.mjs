// The server under test, in a process of its own: opens a target, and sends as it is told.
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { micros } from './clock.mjs';
import { Histogram } from './histogram.mjs';
import { message } from './message.mjs';
import { paces } from './pace.mjs';
import { serve } from './rpc.mjs';

let target;
let sequence = 0;
let cpu = 0;
let sockets;
let turnTimes;

serve({ open, send, spend, spent, memory, fill, watchTurns, turnTimesSeen, close });

/** Starts a target of targets/. With `track`, its connections are remembered, for `fill`. */
async function open({ module, options, track }) {
  const { start } = await import(`./targets/${module}.mjs`);
  target = await start(options ?? {});
  if (track) {
    sockets = new Set();
    target.server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
  }
  return { port: target.port };
}

/** Sends so many events at this pace. Returns when it began, and how many there ever were. */
async function send({ pace, size, ...plan }) {
  const sendNext = () => target.broadcast(message(sequence++, size));
  const startedAt = micros();
  const latest = await paces[pace](sendNext, plan);
  return { startedAt, total: sequence, latest };
}

/** CPU time is counted from here. */
function spend() {
  cpu = used();
}

function spent() {
  return { cpu: used() - cpu };
}

/** Microseconds of CPU, of this process or whichever does the work. */
function used() {
  if (target.cpu !== undefined) return target.cpu();
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Heap and resident memory; after a collection where there is `--expose-gc`. */
async function memory() {
  for (let times = 0; globalThis.gc && times < 4; times++) {
    globalThis.gc();
    await wait(50);
  }
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: heapUsed, rss, connections: sockets?.size };
}

/**
 * Sends until all connections, of clients that don't read, take no more: until then, a client that
 * has stalled is like any other to the server, since the kernel takes what it doesn't.
 */
async function fill({ size, limit }) {
  const events = Math.ceil(limit / size);
  let full = 0;
  for (let event = 0; event < events && full < sockets.size * 0.95; event++) {
    await target.broadcast(message(sequence++, size));
    // The hub needs several turns for all of them.
    await wait(20);
    full = 0;
    for (const socket of sockets) if (socket.writableLength > 0) full++;
  }
  return { full, total: sequence };
}

/** Measures how long each turn of the event loop takes, until it is asked what it has seen. */
async function watchTurns() {
  const times = new Histogram();
  turnTimes = times;
  void (async () => {
    let before = micros();
    while (turnTimes === times) {
      await turn();
      const now = micros();
      times.record(now - before);
      before = now;
    }
  })();
}

function turnTimesSeen() {
  const { max, count } = turnTimes;
  const p99 = turnTimes.percentile(0.99);
  turnTimes = undefined;
  return { p99, max, count };
}

/** Ends what the target has started beside this process. */
async function close() {
  await target?.stop?.();
}
