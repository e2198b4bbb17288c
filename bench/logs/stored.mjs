// What the engine itself says it has, asked without the package.
import { PREFIX } from './cluster.mjs';
import { redisClient } from './open-log.mjs';

const PAGE = '5000';

/** Throws if the engine has not exactly the entries 1 to `total`, or for `plain` so many. */
export async function checkStored({ engine, log }, total) {
  const stored = engine.kind === 'redis' ? await inRedis(log, total) : await inNats(log, total);
  if (stored !== total) throw new Error(`${total} events were acknowledged, ${stored} are stored`);
}

async function inRedis({ client, url }, total) {
  const redis = await redisClient(url);
  await redis.connect();
  try {
    if (client === 'plain') return await redis.sendCommand(['XLEN', 'plain']);
    const stream = `sse:{${PREFIX}}:log`;
    const length = await redis.sendCommand(['XLEN', stream]);
    if (length === total) await checkIds(redis, stream, total);
    return length;
  } finally {
    redis.destroy();
  }
}

/** That the ids are 1-0 to <total>-0, with none left out. */
async function checkIds(redis, stream, total) {
  for (let last = 0; last < total; ) {
    const entries = await redis.sendCommand(['XRANGE', stream, `${last + 1}`, '+', 'COUNT', PAGE]);
    if (entries.length === 0) throw new Error(`Redis lacks the entry ${last + 1}`);
    for (const [id] of entries) {
      if (id !== `${last + 1}-0`) throw new Error(`Redis has the entry ${id} behind ${last}`);
      last++;
    }
  }
}

async function inNats({ url }, total) {
  const { connect } = await import('@nats-io/transport-node');
  const { jetstreamManager } = await import('@nats-io/jetstream');
  const connection = await connect({ servers: url });
  try {
    const manager = await jetstreamManager(connection);
    const { state } = await manager.streams.info(`sse_${PREFIX}`);
    const { messages, first_seq: first, last_seq: last } = state;
    if (messages === total && (first !== 1 || last !== total)) {
      throw new Error(`NATS has the entries ${first} to ${last}, not 1 to ${total}`);
    }
    return messages;
  } finally {
    await connection.close();
  }
}
