// What the engine keeps for an event.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { redisClient } from './open-log.mjs';
import { checkStored } from './stored.mjs';

const SIZE = 128;
const WARM_EVENTS = 1000;
/** By then, the engine has written what it holds back. */
const FLUSH_MS = 300;
const POLL_MS = 50;

/** Bytes in memory and on disk for each of so many events. */
export async function cost(cluster, { events }) {
  const { server } = await cluster.node({ requestQueueSize: 1000 });
  const send = (count) =>
    server.call('send', { size: SIZE, pace: 'turns', each: 1000, events: count });
  await send(WARM_EVENTS);
  const before = await kept(cluster);
  await send(events);
  const after = await kept(cluster);
  await checkStored(cluster, WARM_EVENTS + events);
  const figures = {};
  for (const [key, bytes] of Object.entries(after)) figures[key] = (bytes - before[key]) / events;
  if (cluster.engine.kind === 'redis') {
    await rewrite(cluster);
    figures.rewritten = bytesIn(cluster.engine.folder) / (WARM_EVENTS + events);
  }
  return figures;
}

async function kept({ engine }) {
  await wait(FLUSH_MS);
  const disk = bytesIn(engine.folder);
  return engine.kind === 'redis'
    ? { memory: Number(await info(engine, 'memory', 'used_memory')), disk }
    : { disk };
}

function bytesIn(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return files
    .filter((file) => file.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** The file of commands is written anew from what is in memory, as Redis does from time to time. */
async function rewrite({ engine }) {
  // The data of these events is much of a muchness.
  await command(engine, ['CONFIG', 'SET', 'rdbcompression', 'no']);
  await command(engine, ['BGREWRITEAOF']);
  do await wait(POLL_MS);
  while ((await info(engine, 'persistence', 'aof_rewrite_in_progress')) === '1');
}

async function info(engine, section, name) {
  const text = await command(engine, ['INFO', section]);
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(text)[1];
}

async function command({ url }, args) {
  const redis = await redisClient(url);
  await redis.connect();
  try {
    return await redis.sendCommand(args);
  } finally {
    redis.destroy();
  }
}
