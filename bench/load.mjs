// The load: a process with all the clients. Raw sockets share one buffer, so that reading costs next
// to nothing beside the kernel's part.
import { connect } from 'node:net';
import { micros } from './clock.mjs';
import { Histogram } from './histogram.mjs';
import { Reader } from './reader.mjs';
import { serve } from './rpc.mjs';

const CONNECTING_AT_ONCE = 200;
/** So long without any event, and those that are missing won't come any more. */
const PATIENCE_MS = 15_000;

const buffer = Buffer.allocUnsafe(256 * 1024);
const sockets = [];
/** Of the clients that read. */
const readers = [];
let failure;
let waiting;
let histogram = new Histogram();
let reads = 0;
let readAt = 0;
let goal = Number.POSITIVE_INFINITY;
let missing = 0;
let cpu = process.cpuUsage();

serve({ connect: connectClients, mark, arrived, report, reset });

/** Opens so many clients, and resolves when all have their head. `stalled` ones then stop to read. */
async function connectClients({ port, count, first, size, headers, stalled, lateHead }) {
  let left = count;
  const request = `GET / HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n${headers}\r\n`;
  const next = async () => {
    while (left > 0) {
      left--;
      await connectOne({ port, request, first, size, stalled, lateHead });
    }
  };
  await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, next));
}

function connectOne({ port, request, first, size, stalled, lateHead }) {
  return new Promise((resolve, reject) => {
    const client = stalled ? 'a stalled client' : `client ${readers.length}`;
    const reader = new Reader(first, size, { opened: resolve, event, failed });
    const callback = (length) => {
      reads++;
      readAt = micros();
      reader.read(buffer, length);
      return !(stalled && reader.isOpen);
    };
    const socket = connect({ port, host: '127.0.0.1', onread: { buffer, callback } });
    socket.setNoDelay(true);
    socket.write(request, () => lateHead && resolve());
    socket.on('error', (error) => {
      reject(new Error(`${client}: ${error.message}`));
      if (!stalled) fail(`${client}: ${error.message}`);
    });
    socket.on('close', () => !stalled && fail(`${client} was disconnected`));
    sockets.push(socket);
    if (!stalled) readers.push(reader);
  });
}

function event(reader, time) {
  histogram.record(readAt - time);
  if (reader.next === goal && --missing === 0) waiting?.resolve();
}

function failed(reader, why) {
  fail(`client ${readers.indexOf(reader)}: ${why}`);
}

function fail(why) {
  failure ??= new Error(why);
  waiting?.reject(failure);
}

/** What is counted is counted from here. */
function mark() {
  histogram = new Histogram();
  reads = 0;
  cpu = process.cpuUsage();
}

/** Resolves when each client has had so many events; rejects if one got something else. */
async function arrived({ total }) {
  if (failure) throw failure;
  goal = total;
  missing = readers.filter(({ next }) => next < goal).length;
  if (missing > 0) await untilArrived();
  // An event too many would be of a later number, or none that was to come next.
  const ahead = readers.findIndex(({ next }) => next > goal);
  if (ahead >= 0) throw new Error(`client ${ahead}: more events came than were sent`);
  return { at: readAt };
}

async function untilArrived() {
  let before = -1;
  const check = () => {
    if (histogram.count === before) fail(lacking());
    before = histogram.count;
  };
  const timer = setInterval(check, PATIENCE_MS);
  try {
    await new Promise((resolve, reject) => {
      waiting = { resolve, reject };
    });
  } finally {
    clearInterval(timer);
    waiting = undefined;
  }
}

function lacking() {
  const client = readers.findIndex(({ next }) => next < goal);
  return `client ${client}: events ${readers[client].next} to ${goal - 1} did not come (${missing} clients lack some)`;
}

/** What came since the mark. */
function report() {
  const { user, system } = process.cpuUsage(cpu);
  return {
    cpu: user + system,
    events: histogram.count,
    reads,
    p50: histogram.percentile(0.5),
    p99: histogram.percentile(0.99),
    max: histogram.max,
  };
}

/** Ends all connections by a reset: thousands that linger would take the ports of the next run. */
function reset() {
  for (const socket of sockets) {
    socket.removeAllListeners();
    socket.on('error', () => {});
    socket.resetAndDestroy();
  }
}
