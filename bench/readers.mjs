// What an event costs Redis, with few and with many nodes that read it.
// Run: npm run bench:readers

import { startEngine } from './logs/engines.mjs';
import { openLog } from './logs/open-log.mjs';

const NODES = [1, 5, 10, 20];
const EVENTS = 20_000;
const IN_FLIGHT = 1000;
const ROUNDS = 3;

const fields = Buffer.from(`data: ${'x'.repeat(120)}\n`);

const redis = await startEngine('redis');
try {
  const costs = NODES.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, nodes] of NODES.entries()) {
      costs[index].push(await measure(nodes, `${nodes}-${round}`));
    }
  }
  for (const [index, nodes] of NODES.entries()) {
    const [least, median, most] = costs[index].sort((a, b) => a - b);
    const range = `(${least.toFixed(1)} to ${most.toFixed(1)})`;
    console.log(`${nodes} nodes: ${median.toFixed(1)} us of redis-server an event ${range}`);
  }
} finally {
  await redis.stop();
}

/** All nodes are in this process, and one of them writes: what counts is the other process. */
async function measure(nodes, prefix) {
  const open = () => openLog({ client: 'redis', url: redis.url, prefix });
  const logs = await Promise.all(Array.from({ length: nodes }, open));
  const counts = logs.map((log) => follow(log));
  await Promise.all(logs.map((log) => log.caughtUp()));
  const before = redis.cpu();
  await append(logs[0]);
  await Promise.all(logs.map((log) => log.caughtUp()));
  const cost = (redis.cpu() - before) / EVENTS;
  for (const count of counts) {
    if (count() !== EVENTS) throw new Error(`a node got ${count()} of ${EVENTS} events`);
  }
  await Promise.all(logs.map((log) => log.close()));
  return cost;
}

function follow(log) {
  let count = 0;
  log.follow({
    begin() {},
    entry: () => count++,
    ready: () => new Promise((resolve) => setImmediate(resolve)),
    connected() {},
    disconnected() {},
  });
  return () => count;
}

/** So many appends under way all the time. */
async function append(log) {
  const { signal } = new AbortController();
  let left = EVENTS;
  const sender = async () => {
    while (left-- > 0) await log.append({ fields }, signal);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, sender));
}
