import { redisLog } from 'express-sse-hub/redis';
import { createClient } from 'redis';

/** The log in Redis, which need not be there yet. */
export function openRedis(url) {
  const client = createClient({ url });
  // The log opens connections of its own, and tries until Redis is there. What is wrong may be the URL.
  const probe = client.duplicate({
    socket: { ...client.options.socket, reconnectStrategy: false },
  });
  probe.on('error', () => {});
  probe.connect().then(
    () => probe.destroy(),
    ({ message, code }) => console.warn(`Redis can’t be reached: ${message || code}`),
  );
  return {
    name: 'Redis',
    // The readings of three processes in two minutes, and beyond that the last messages of each board.
    log: redisLog(client, {
      prefix: 'example-app',
      history: { events: 2000, room: { events: 350 } },
    }),
    start: 'earliest',
    close() {},
  };
}
