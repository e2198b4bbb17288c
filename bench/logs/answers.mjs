// What answers cost: while many are produced and read, and when one is read again.
import { get } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import { micros } from '../clock.mjs';
import { cpuOf } from '../proc.mjs';

/** How many answers are stopped from the other process. */
const STOPS = 20;
/** How often an answer is read again in one round; the median counts. */
const TIMES = 15;

/** Two nodes that produce half of the answers each, and a process with readers of both. */
export async function answering(cluster, { answers, logs, rate, readers, warmUp, seconds }) {
  const { nodes, ports } = await start(cluster, logs, 2);
  const crowd = await cluster.fork('answer-readers.mjs');
  const ids = Array.from({ length: answers }, (_, index) => `answer-${index}`);
  const urls = ids.flatMap((id, index) =>
    Array.from({ length: readers }, (_, reader) => {
      return `http://127.0.0.1:${ports[(index + reader) % 2]}/${id}`;
    }),
  );
  const before = [...nodes.map(({ pid }) => cpuOf(pid)), cluster.engineCpu()];
  const read = crowd.call('read', { urls, warmUp });
  await Promise.all(
    nodes.map((node, half) =>
      node.call('produce', { ids: ids.filter((_, index) => index % 2 === half), rate, seconds }),
    ),
  );
  const { chunks, p50, p99 } = await read;
  const after = [...nodes.map(({ pid }) => cpuOf(pid)), cluster.engineCpu()];
  const stored = chunks / readers;
  const used = after.map((value, index) => (value - before[index]) / stored);
  return { rate: stored / seconds, p50, p99, node: (used[0] + used[1]) / 2, engine: used[2] };
}

/** From the call on one node to the abort on the other, in ms. */
export async function stopping(cluster) {
  const { nodes } = await start(cluster, 1, 2);
  const ids = Array.from({ length: STOPS }, (_, index) => `answer-${index}`);
  const produced = nodes[0].call('produce', { ids, rate: 20, seconds: 30 });
  await wait(500);
  const asked = await nodes[1].call('stop', { ids });
  await produced;
  const times = await nodes[0].call('stoppedAt', { ids });
  const took = times.map((at, index) => (at - asked[index]) / 1000);
  return { p50: median(took), max: Math.max(...took) };
}

/** An answer of so many chunks is read from its beginning, beside so many others. */
export async function reload(cluster, { chunks, others }) {
  const { nodes } = await start(cluster, 1, 1);
  const ids = Array.from({ length: others }, (_, index) => `other-${index}`);
  await nodes[0].call('store', { ids: ids.slice(0, others / 2), chunks });
  await nodes[0].call('store', { ids: ['own'], chunks });
  await nodes[0].call('store', { ids: ids.slice(others / 2), chunks });
  const { ports } = await start(cluster, 1, 1);
  const url = `http://127.0.0.1:${ports[0]}/own`;
  await readToEnd(url, chunks);
  const times = [];
  for (let count = 0; count < TIMES; count++) times.push(await readToEnd(url, chunks));
  return { live: median(times) };
}

async function start(cluster, logs, count) {
  const nodes = [];
  const ports = [];
  for (let index = 0; index < count; index++) {
    const { peer, opened } = await cluster.forkWith('answer-node.mjs', { logs });
    nodes.push(peer);
    ports.push(opened);
  }
  return { nodes, ports };
}

function readToEnd(url, chunks) {
  return new Promise((resolve, reject) => {
    const startedAt = micros();
    get(url, { agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      response.on('error', reject);
      response.on('end', () => {
        const had = text.split('"chunk":').length - 1;
        if (had === chunks && text.includes('event: done')) resolve((micros() - startedAt) / 1000);
        else reject(new Error(`${url}: ${response.statusCode}, ${had} of ${chunks} chunks`));
      });
    }).on('error', reject);
  });
}

function median(list) {
  return [...list].sort((one, other) => one - other)[Math.floor(list.length / 2)];
}
