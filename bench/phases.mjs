// What is done with a session, from its first client to its figures. Times are in microseconds.
import { setTimeout as wait } from 'node:timers/promises';
import { summarize } from './stats.mjs';

/** By then, the compiler has seen the way of an event to a client often enough. */
const WARM_DELIVERIES = 100_000;
/** Large events take longer, and have less to warm up. */
const WARM_MS = 1000;
const SETTLE_MS = 300;

/** One event after another, each sent when the one before it has arrived everywhere. */
async function lockstep(session, events) {
  for (let event = 0; event < events; event++) await session.send({ pace: 'awaited', events: 1 });
}

/** Resolves with the time from a send to the last client's read, of an event alone. */
async function warmUp(session) {
  const end = performance.now() + WARM_MS;
  const times = [];
  while (
    times.length < 20 ||
    (times.length < WARM_DELIVERIES / session.clients && performance.now() < end)
  ) {
    times.push((await session.send({ pace: 'awaited', events: 1 })).took);
  }
  await wait(SETTLE_MS);
  return summarize(times.slice(times.length >> 1)).median;
}

async function measure(session, plan) {
  const { result, cpu, load } = await session.measured(() => session.send(plan));
  const deliveries = plan.events * session.clients;
  if (load.events !== deliveries) throw new Error(`${load.events} of ${deliveries} were counted`);
  return {
    cpu: cpu / deliveries,
    load: load.cpu / deliveries,
    rate: deliveries / (result.took / 1e6),
    joined: deliveries / load.reads,
    p50: load.p50 / 1000,
    p99: load.p99 / 1000,
    ...(result.latest !== undefined && { late: result.latest / 1000 }),
  };
}

/** Events at a fixed interval, in ms. */
export async function paced(session, { clients, headers, connection, interval, seconds }) {
  await session.connect(clients, { headers, connection });
  await warmUp(session);
  const events = Math.ceil((seconds * 1000) / interval);
  return measure(session, { pace: 'paced', interval, events });
}

/** Events at even times, so far apart that each has arrived everywhere before the next. */
export async function spaced(session, { clients, seconds }) {
  await session.connect(clients);
  const took = await warmUp(session);
  const interval = Math.ceil((took / 1000) * 1.5) + 1;
  const events = Math.max(10, Math.ceil((seconds * 1000) / interval));
  return measure(session, { pace: 'paced', interval, events });
}

/** As fast as the pace lets it, for about so long: the number of events is found while it warms up. */
export async function fast(session, { clients, headers, pace, each = 1, seconds }) {
  await session.connect(clients, { headers });
  let events = each;
  await lockstep(session, 10);
  let took = 0;
  while (took < 400_000) {
    events *= took < 40_000 ? 4 : 2;
    ({ took } = await session.send({ pace, each, events }));
  }
  await wait(SETTLE_MS);
  const rounds = Math.ceil(((events / took) * seconds * 1e6) / each);
  return measure(session, { pace, each, events: rounds * each });
}

/** What a client costs that is connected, and what it costs to connect it. */
export async function idle(session, { clients }) {
  await session.connect(Math.min(1000, clients));
  const before = await session.server.call('memory');
  const { cpu } = await session.measured(() => session.connect(clients));
  await wait(SETTLE_MS);
  const after = await session.server.call('memory');
  return {
    heap: (after.heap - before.heap) / clients / 1024,
    rss: (after.rss - before.rss) / clients / 1024,
    connect: cpu / clients,
  };
}

/** How long broadcasts hold the event loop. */
export async function turns(session, { clients, broadcasts }) {
  await session.connect(clients);
  await lockstep(session, 10);
  await wait(SETTLE_MS);
  await session.server.call('watchTurns');
  await lockstep(session, broadcasts);
  const { p99, max } = await session.server.call('turnTimesSeen');
  return { turnP99: p99 / 1000, turnMax: max / 1000 };
}

/** Clients that have stalled beside those that read. */
export async function stalling(session, { clients, stalled, interval, seconds }) {
  let full = 0;
  if (stalled > 0) {
    await session.connect(stalled, { stalled: true });
    full = await session.fill(8 * 1024 * 1024);
  }
  await session.connect(clients - stalled);
  await lockstep(session, 5);
  await wait(SETTLE_MS);
  const before = await session.server.call('memory');
  const events = Math.ceil((seconds * 1000) / interval);
  const figures = await measure(session, { pace: 'paced', interval, events });
  const after = await session.server.call('memory');
  const growth = (after.rss - before.rss) / 1024 / 1024;
  return { ...figures, full, growth, cut: clients - after.connections };
}
