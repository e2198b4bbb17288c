// Where the answers and the chats are kept: in Redis, where REDIS_URL names one, or else in this process.
const { REDIS_URL } = process.env;

export const { log, chats } = REDIS_URL ? await inRedis(REDIS_URL) : inMemory();

async function inRedis(url) {
  const { createClient } = await import('redis');
  const { redisLog } = await import('express-sse-hub/redis');
  const client = await createClient({ url }).connect();
  return {
    log: redisLog(client, { prefix: 'answers' }),
    chats: {
      read: async (id) => JSON.parse((await client.get(`chat:${id}`)) ?? '[]'),
      write: (id, messages) => client.set(`chat:${id}`, JSON.stringify(messages)),
    },
  };
}

function inMemory() {
  const all = new Map();
  return {
    log: undefined,
    chats: {
      read: async (id) => all.get(id) ?? [],
      write: async (id, messages) => void all.set(id, messages),
    },
  };
}
