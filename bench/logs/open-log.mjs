// In a process that has a hub: opens the log that it is told. The clients of the engines are those
// of the package's own tests.
import { memoryLog } from '../../dist/esm/log/memory.js';
import { natsLog } from '../../dist/esm/nats/nats-log.js';
import { redisLog } from '../../dist/esm/redis/redis-log.js';

const openers = {
  memory: async () => memoryLog(),
  redis: async ({ url, ...options }) => redisLog(await redisClient(url), options),
  ioredis: async ({ url, ...options }) => {
    const { Redis } = await import('ioredis');
    return redisLog(new Redis(url, { lazyConnect: true }), options);
  },
  nats: async ({ url, ...options }) => {
    const { connect } = await import('@nats-io/transport-node');
    const { jetstream } = await import('@nats-io/jetstream');
    const connection = await connect({ servers: url, maxReconnectAttempts: -1 });
    const log = natsLog(jetstream(connection), options);
    const close = async () => {
      await log.close();
      await connection.close();
    };
    return { ...log, close };
  },
};

/** `client` names one of the above; the other options are those of the log. */
export function openLog({ client, ...options }) {
  return openers[client](options);
}

/** A client of node-redis that is not connected yet. */
export async function redisClient(url) {
  const { createClient } = await import('redis');
  const client = createClient({ url });
  // What fails rejects as well.
  client.on('error', () => {});
  return client;
}
