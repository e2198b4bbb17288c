// What is done with a cluster, from its first process to its figures. Times are in microseconds.
import { setTimeout as wait } from 'node:timers/promises';
import { micros } from '../clock.mjs';
import { cpuOf, mostResident, residentOf } from '../proc.mjs';
import { checkStored } from './stored.mjs';

const SIZE = 128;
/** By then, whatever comes too late has come. */
const LATE_MS = 100;
const SETTLE_MS = 300;
const MIB = 1024 * 1024;

/** Writers that always have so many events in flight, and a process that follows; or a log alone, without a hub. */
export async function appends(cluster, { writers, isAlone, inFlight, rooms, warmUp, seconds }) {
  const { client } = cluster.log;
  const isShared = client !== 'memory';
  const hasFollower = isShared && client !== 'plain' && !isAlone;
  const follower = hasFollower ? await cluster.fork('follower.mjs') : undefined;
  const hub = { requestQueueSize: inFlight };
  const peers = await Promise.all(
    Array.from({ length: writers }, (_none, name) =>
      cluster.fork('writer.mjs', { name, hub, rooms, isAlone, watch: !isShared }),
    ),
  );
  const flood = (time) =>
    Promise.all(peers.map((peer) => peer.call('flood', { seconds: time, inFlight, size: SIZE })));
  const before = await flood(warmUp);
  await wait(SETTLE_MS);
  const used = () => [cluster.engineCpu(), follower ? cpuOf(follower.pid) : 0];
  const [engine, following] = used();
  const floods = await flood(seconds);
  const [engineNow, followingNow] = used();

  const events = sumOf(floods, 'events');
  const total = sumOf(before, 'events') + events;
  const endedAt = Math.max(...floods.map((one) => one.endedAt));
  const took = endedAt - Math.min(...floods.map(({ startedAt }) => startedAt));
  const watching = follower ?? (client === 'plain' ? undefined : peers[0]);
  const arrivedAt = watching && (await checkArrived(watching, total, floods));
  if (isShared) await checkStored(cluster, total);
  return {
    rate: events / (took / 1e6),
    cpu: sumOf(floods, 'cpu') / events,
    ...(isShared && { engine: (engineNow - engine) / events }),
    ...(follower && {
      follower: (followingNow - following) / events,
      behind: Math.max(0, arrivedAt - endedAt) / 1000,
    }),
  };
}

/** Gives when all had arrived. Throws where something else did than was acknowledged. */
async function checkArrived(watching, total, floods) {
  const { at } = await watching.call('arrived', { total });
  await wait(LATE_MS);
  const { sums } = await watching.call('arrived', { total });
  for (const [writer, { sum }] of floods.entries()) {
    if (sums[writer] !== sum) throw new Error('events came with other ids than were acknowledged');
  }
  return at;
}

/** From the send on one node to the client of another; of the same one where there is only one. */
export async function latency(cluster, { nodes, interval, warmUp, seconds }) {
  const servers = await startNodes(cluster, nodes);
  await connect(cluster, servers.at(-1), 1);
  const plan = { pace: 'paced', interval };
  await send(cluster, servers[0], { ...plan, events: Math.ceil((warmUp * 1000) / interval) });
  await wait(SETTLE_MS);
  await cluster.load.call('mark');
  const events = Math.ceil((seconds * 1000) / interval);
  const { latest } = await send(cluster, servers[0], { ...plan, events });
  const seen = await report(cluster, events);
  await checkNoneLate(cluster);
  return {
    p50: seen.p50 / 1000,
    p99: seen.p99 / 1000,
    max: seen.max / 1000,
    late: latest / 1000,
  };
}

/** Events sent on one of several nodes, all of which have clients. */
export async function fanOut(cluster, { nodes, clients, interval, warmUp, seconds }) {
  const servers = await startNodes(cluster, nodes);
  for (const server of servers) await connect(cluster, server, clients / nodes);
  const plan = { pace: 'paced', interval };
  await send(cluster, servers[0], { ...plan, events: Math.ceil((warmUp * 1000) / interval) });
  await wait(SETTLE_MS);
  await cluster.load.call('mark');
  await Promise.all(servers.map(({ server }) => server.call('spend')));
  const engine = cluster.engineCpu();
  const events = Math.ceil((seconds * 1000) / interval);
  const { took } = await send(cluster, servers[0], { ...plan, events });
  const engineUsed = cluster.engineCpu() - engine;
  const spent = await Promise.all(servers.map(({ server }) => server.call('spent')));
  const deliveries = events * clients;
  const seen = await report(cluster, deliveries);
  await checkNoneLate(cluster);
  return {
    rate: deliveries / (took / 1e6),
    cpu: sumOf(spent, 'cpu') / deliveries,
    ...(cluster.engine && { engine: engineUsed / events / nodes }),
    p50: seen.p50 / 1000,
    p99: seen.p99 / 1000,
    joined: deliveries / seen.reads,
    load: seen.cpu / deliveries,
  };
}

/** Clients that come back so far behind that a node has to read what they lack from the engine. */
export async function replay(cluster, { clients, behind, warmUp }) {
  const sender = await cluster.node({ requestQueueSize: 1000 });
  const start = await currentId(sender);
  const epoch = start.slice(0, start.lastIndexOf('.'));
  await sender.server.call('send', { size: SIZE, pace: 'turns', each: 1000, events: behind });
  const node = await cluster.node({ history: { events: 1000 } }, ['--expose-gc']);
  await connect(cluster, node, 1, { epoch, from: behind - warmUp });
  await cluster.load.call('arrived', { total: behind });
  await node.server.call('memory');
  await wait(SETTLE_MS);

  await cluster.load.call('mark');
  await node.server.call('spend');
  const engine = cluster.engineCpu();
  const before = residentOf(node.server.pid);
  const startedAt = micros();
  const caughtUp = connect(cluster, node, clients, { epoch, from: 0 }).then(() =>
    cluster.load.call('arrived', { total: behind }),
  );
  const most = await mostResident(node.server.pid, caughtUp);
  const { at } = await caughtUp;
  const { cpu } = await node.server.call('spent');
  const engineUsed = cluster.engineCpu() - engine;
  const deliveries = clients * behind;
  await report(cluster, deliveries);
  // They are live: what is sent now comes as well.
  await send(cluster, sender, { pace: 'paced', interval: 10, events: 20 });
  await checkNoneLate(cluster);
  return {
    live: (at - startedAt) / 1e6,
    rate: deliveries / ((at - startedAt) / 1e6),
    growth: (most - before) / MIB,
    cpu: cpu / deliveries,
    engine: engineUsed / deliveries,
  };
}

function startNodes(cluster, count) {
  return Promise.all(Array.from({ length: count }, () => cluster.node()));
}

/** Connects clients that are to get all from now on, or from behind that many events. */
async function connect(cluster, { port }, count, { epoch, from } = {}) {
  const headers = epoch === undefined ? '' : `Last-Event-ID: ${epoch}.${from}\r\n`;
  await cluster.load.call('connect', { port, count, first: from ?? 0, size: SIZE, headers });
}

/** Sends; resolves when every client has everything. */
async function send(cluster, { server }, plan) {
  const sent = await server.call('send', { size: SIZE, ...plan });
  const { at } = await cluster.load.call('arrived', { total: sent.total });
  cluster.total = sent.total;
  return { took: at - sent.startedAt, latest: sent.latest };
}

async function report(cluster, deliveries) {
  const seen = await cluster.load.call('report');
  if (seen.events === deliveries) return seen;
  throw new Error(`${seen.events} of ${deliveries} deliveries were counted`);
}

async function checkNoneLate(cluster) {
  await wait(LATE_MS);
  await cluster.load.call('arrived', { total: cluster.total });
}

/** Where a client begins that connects now. */
async function currentId({ port }) {
  const response = await fetch(`http://127.0.0.1:${port}/`);
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const match = /^id: (.+)\n/m.exec(text);
    if (match) return match[1];
  }
  throw new Error('the stream ended before its id came');
}

function sumOf(list, key) {
  return list.reduce((sum, item) => sum + item[key], 0);
}
