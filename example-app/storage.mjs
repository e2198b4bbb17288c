const { REDIS_URL, NATS_URL } = process.env;

/** How many messages of a board are kept. */
const capacity = 50;

/**
 * Opens what the environment names: Redis, NATS, or the memory of this process. Gives
 *
 * - `name`: what to call it
 * - `log`: where the hub keeps its events; undefined stands for memory
 * - `add(message)` and `newest(board)`: the messages of a board, of which the newest are kept
 * - `close()`
 */
export async function openStorage() {
  if (REDIS_URL) {
    const { openRedis } = await import('./storage/redis.mjs');
    return openRedis(REDIS_URL, capacity);
  }
  if (NATS_URL) {
    const { openNats } = await import('./storage/nats.mjs');
    return openNats(NATS_URL, capacity);
  }
  const { openMemory } = await import('./storage/memory.mjs');
  return openMemory(capacity);
}
