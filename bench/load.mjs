// The load: a process with all the clients.
import { micros } from './clock.mjs';
import { Histogram } from './histogram.mjs';
import { Reader } from './reader.mjs';
import { serve } from './rpc.mjs';
import { transport } from './transports.mjs';

const CONNECTING_AT_ONCE = 200;
/** So long without any event, and those that are missing won't come any more. */
const PATIENCE_MS = 15_000;

const buffer = Buffer.allocUnsafe(256 * 1024);
/** Each ends a connection. */
const resets = [];
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
async function connectClients({ port, count, headers, connection = {}, ...client }) {
  let left = count;
  const open = transport(connection, buffer);
  const request = `GET / HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n${headers}\r\n`;
  const next = async () => {
    while (left > 0) {
      left--;
      await connectOne(open, { port, request, ...client });
    }
  };
  await Promise.all(Array.from({ length: CONNECTING_AT_ONCE }, next));
}

function connectOne(open, { port, request, first, size, stalled, lateHead }) {
  return new Promise((resolve, reject) => {
    const client = stalled ? 'a stalled client' : `client ${readers.length}`;
    const reader = new Reader(first, size, { opened: resolve, event, failed });
    const read = (bytes, length) => {
      reads++;
      readAt = micros();
      reader.read(bytes, length);
      return !(stalled && reader.isOpen);
    };
    const closed = (error) => {
      const why = error ? `${client}: ${error.message}` : `${client} was disconnected`;
      reject(new Error(why));
      if (!stalled) fail(why);
    };
    resets.push(open({ port, request, sent: () => lateHead && resolve(), read, closed }));
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
  for (const end of resets) end();
}
