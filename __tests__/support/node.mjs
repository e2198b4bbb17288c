// One node of several that share a log: its own process, for tests that kill it.
// Usage: node node.mjs <URL of Redis or NATS> <prefix>. Prints its port.
import { createServer } from 'node:http';
import { createHub } from '../../dist/esm/index.js';
import { natsLog } from '../../dist/esm/nats/nats-log.js';
import { redisLog } from '../../dist/esm/redis/redis-log.js';

const [url, prefix] = process.argv.slice(2);

async function openLog() {
  if (url.startsWith('nats:')) {
    const { connect } = await import('@nats-io/transport-node');
    const { jetstream } = await import('@nats-io/jetstream');
    return natsLog(jetstream(await connect({ servers: url, maxReconnectAttempts: -1 })), {
      prefix,
    });
  }
  const { createClient } = await import('redis');
  return redisLog(createClient({ url }), { prefix });
}

const hub = createHub({
  log: await openLog(),
  // So small that clients which come back are behind it.
  history: { events: 20 },
  retry: 50,
});

const server = createServer(async (req, res) => {
  if (req.method === 'GET') {
    await hub.open(req, res);
    return;
  }
  const data = (await req.toArray()).join('');
  const id = await hub.sendEvent('count', data);
  res.end(id);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));

// Whoever started it is gone.
process.stdin.on('end', () => process.exit()).resume();
