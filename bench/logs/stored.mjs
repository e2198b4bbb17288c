// What the engine itself says it has, asked without the package.
import { PREFIX } from './cluster.mjs';
import { redisClient } from './open-log.mjs';

const PAGE = '5000';

/**
 * Throws if the engine has not exactly the entries up to `total`, as many as its history is to hold;
 * or for `plain` so many.
 */
export async function checkStored({ engine, log }, total) {
  const { client, history } = log;
  const count = client === 'plain' ? total : Math.min(total, history.events);
  const look = engine.kind === 'redis' ? inRedis : inNats;
  const stored = await look(log, total - count, total);
  if (stored !== count) throw new Error(`${count} events should be stored, and ${stored} are`);
}

async function inRedis({ client, url }, before, total) {
  const redis = await redisClient(url);
  await redis.connect();
  try {
    if (client === 'plain') return await redis.sendCommand(['XLEN', 'plain']);
    const stream = `sse:{${PREFIX}}:log`;
    const length = await redis.sendCommand(['XLEN', stream]);
    if (length === total - before) await checkIds(redis, stream, before, total);
    return length;
  } finally {
    redis.destroy();
  }
}

/** That the ids are those behind <before>-0 to <total>-0, with none left out. */
async function checkIds(redis, stream, before, total) {
  for (let last = before; last < total; ) {
    const entries = await redis.sendCommand(['XRANGE', stream, `${last + 1}`, '+', 'COUNT', PAGE]);
    if (entries.length === 0) throw new Error(`Redis lacks the entry ${last + 1}`);
    for (const [id] of entries) {
      if (id !== `${last + 1}-0`) throw new Error(`Redis has the entry ${id} behind ${last}`);
      last++;
    }
  }
}

async function inNats({ url }, before, total) {
  const { connect } = await import('@nats-io/transport-node');
  const { jetstreamManager } = await import('@nats-io/jetstream');
  const connection = await connect({ servers: url });
  try {
    const manager = await jetstreamManager(connection);
    const { state } = await manager.streams.info(`sse_${PREFIX}`);
    const { messages, first_seq: first, last_seq: last } = state;
    if (messages === total - before && (first !== before + 1 || last !== total)) {
      throw new Error(`NATS has the entries ${first} to ${last}, not ${before + 1} to ${total}`);
    }
    return messages;
  } finally {
    await connection.close();
  }
}
