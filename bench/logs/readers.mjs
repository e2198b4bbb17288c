// What an event costs the engine, with few and with many nodes that read it.
import { openLog } from './open-log.mjs';

const IN_FLIGHT = 1000;
/** Without a hub, nothing keeps the writer from running ahead of those who read. */
const AT_ONCE = 2500;
const FIELDS = Buffer.from(`data: ${'x'.repeat(120)}\n`);

/** All nodes are in this process, and one of them writes: what counts is the engine. */
export async function readers(cluster, { nodes, events, warmUp }) {
  const logs = await Promise.all(Array.from({ length: nodes }, () => openLog(cluster.log)));
  try {
    const counts = logs.map(follow);
    const caughtUp = () => Promise.all(logs.map((log) => log.caughtUp()));
    const send = async (count) => {
      for (let sent = 0; sent < count; sent += AT_ONCE) {
        await append(logs[0], AT_ONCE);
        await caughtUp();
      }
    };
    // What is stored before a log has begun does not come to it.
    await caughtUp();
    await send(warmUp);
    const before = cluster.engineCpu();
    await send(events);
    const engine = (cluster.engineCpu() - before) / events;
    for (const count of counts) {
      if (count() !== warmUp + events) {
        throw new Error(`a node got ${count()} of ${warmUp + events} events`);
      }
    }
    return { engine };
  } finally {
    await Promise.all(logs.map((log) => log.close()));
  }
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
async function append(log, count) {
  const { signal } = new AbortController();
  let left = count;
  const sender = async () => {
    while (left-- > 0) await log.append({ fields: FIELDS }, signal);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, sender));
}
