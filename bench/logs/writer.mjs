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

/** `name` is a number that no other writer has. With `watch`, the hub looks at what it gets. */
async function open({ log, hub, name, watch }) {
  number = name * NUMBERS_OF_A_WRITER;
  send = log.client === 'plain' ? await plainSender(log.url) : await hubSender(log, hub, watch);
}

async function hubSender(description, options, watch) {
  let log = await openLog(description);
  if (watch) {
    watched = new WatchedLog(log);
    log = watched.log;
  }
  const hub = createHub({ ...options, log });
  return async (data) => {
    const id = await hub.send(data);
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
