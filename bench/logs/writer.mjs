// A process that sends without a pause, with always as many events in flight: through a hub, or, for
// comparison, to Redis as it is.
import { createHub } from '../../dist/esm/index.js';
import { micros } from '../clock.mjs';
import { message } from '../message.mjs';
import { serve } from '../rpc.mjs';
import { openLog, redisClient } from './open-log.mjs';
import { NUMBERS_OF_A_WRITER, WatchedLog } from './watched-log.mjs';

/** Resolves with the sequence that the event got. */
let send;
let watched;
let number;
let sum = 0;

serve({ open, flood, arrived });

/**
 * `name` is a number that no other writer has. With `rooms`, each event is for one of so many. With `watch`, the hub looks
 * at what it gets. With `isAlone`, there is no hub.
 */
async function open({ log, hub, name, rooms, watch, isAlone }) {
  number = name * NUMBERS_OF_A_WRITER;
  if (log.client === 'plain') send = await plainSender(log.url);
  else if (isAlone) send = await logSender(log, rooms);
  else send = await hubSender(log, hub, rooms, watch);
}

/** The log without a hub. What comes from it is looked at, and goes nowhere. */
async function logSender(description, rooms) {
  watched = new WatchedLog(await openLog(description));
  const { log } = watched;
  log.follow({
    begin() {},
    entry() {},
    ready: async () => {},
    connected() {},
    disconnected() {},
  });
  await watched.begun;
  const { signal } = new AbortController();
  let sent = 0;
  return async (data) => {
    const room = rooms > 0 ? [`room ${sent++ % rooms}`] : undefined;
    const { sequence } = await log.append(
      { fields: Buffer.from(`data: ${data}\n`), rooms: room },
      signal,
    );
    return sequence;
  };
}

async function hubSender(description, options, rooms, watch) {
  let log = await openLog(description);
  if (watch) {
    watched = new WatchedLog(log);
    log = watched.log;
  }
  const hub = createHub({ ...options, log });
  await watched?.begun;
  let sent = 0;
  const publisher = () => (rooms > 0 ? hub.to(`room ${sent++ % rooms}`) : hub);
  return async (data) => {
    const id = await publisher().send(data);
    return Number(id.slice(id.lastIndexOf('.') + 1));
  };
}

/** The least that it takes: one command an event, and Redis gives the ids. */
async function plainSender(url) {
  const client = await redisClient(url);
  await client.connect();
  let last = 0;
  return async (data) => {
    await client.sendCommand(['XADD', 'plain', '*', 'd', data]);
    return ++last;
  };
}

/** Sends for so long. Resolves when all is acknowledged. */
async function flood({ seconds, inFlight, size }) {
  const first = number;
  const sequences = [];
  const startedAt = micros();
  const end = startedAt + seconds * 1e6;
  const cpu = process.cpuUsage();
  const keepSending = async () => {
    while (micros() < end) {
      const index = number++ - first;
      sequences[index] = await send(message(first + index, size));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, keepSending));
  const { user, system } = process.cpuUsage(cpu);
  const endedAt = micros();
  checkOrder(sequences);
  return { startedAt, endedAt, events: sequences.length, sum, cpu: user + system };
}

function checkOrder(sequences) {
  let before = 0;
  for (const sequence of sequences) {
    if (!(sequence > before)) {
      throw new Error(`a writer: an event sent behind ${before} was acknowledged as ${sequence}`);
    }
    before = sequence;
    sum += sequence;
  }
}

/** As that of a follower, where this process watches its own log. */
async function arrived({ total }) {
  const sums = await watched.arrived(total);
  return { sums, at: micros() };
}
