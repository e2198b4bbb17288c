import { redisLog } from 'express-sse-hub/redis';
import { createClient } from 'redis';

/** The log and the boards in Redis, which need not be there yet. */
export function openRedis(url, capacity) {
  // Without the queue, a command fails at once while Redis can't be reached.
  const client = createClient({ url, disableOfflineQueue: true });
  client.on('error', () => {}); // it connects again by itself
  // That it can't from the start may be for the URL.
  const tell = ({ message, code }) => console.warn(`Redis can’t be reached: ${message || code}`);
  client.once('error', tell).once('ready', () => client.off('error', tell));
  client.connect().catch(() => {});
  const key = (board) => `example-app:board:${board}`;

  return {
    name: 'Redis',
    log: redisLog(client, { prefix: 'example-app' }),
    async newest(board) {
      const messages = await client.lRange(key(board), 0, -1);
      return messages.reverse().map((message) => JSON.parse(message));
    },
    add(message) {
      const board = key(message.board);
      return client
        .multi()
        .lPush(board, JSON.stringify(message))
        .lTrim(board, 0, capacity - 1)
        .exec();
    },
    close() {
      if (client.isOpen) client.destroy();
    },
  };
}
