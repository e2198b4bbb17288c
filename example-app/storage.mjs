const { REDIS_URL, NATS_URL } = process.env;

/**
 * Opens what the environment names: Redis, NATS, or the memory of this process. Gives
 *
 * - `name`: what to call it
 * - `log`: where the hub keeps its events; undefined stands for memory
 * - `start`: where the stream of a new page starts
 * - `close()`
 */
export async function openStorage() {
  if (REDIS_URL) {
    const { openRedis } = await import('./storage/redis.mjs');
    return openRedis(REDIS_URL);
  }
  if (NATS_URL) {
    const { openNats } = await import('./storage/nats.mjs');
    return openNats(NATS_URL);
  }
  return { name: 'memory', log: undefined, start: 'earliest', close() {} };
}
