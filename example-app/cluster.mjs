import cluster from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { keepRunning } from './keep-running.mjs';
import { startRedis } from './redis-server.mjs';

const { PORT = '3000', REDIS_URL, NATS_URL } = process.env;
const nodeCount = 3;

const missing = `\
The processes of a cluster share one log, and there is nothing to keep it in: redis-server is not
installed, and neither REDIS_URL nor NATS_URL says where a server is. Any of these will do:

  apt install redis-server
  brew install redis
  docker run --rm -p 6379:6379 redis, and REDIS_URL=redis://localhost:6379 in the environment
`;

let redis;
let nodes = [];
let isStopping = false;

async function start() {
  const port = Number(PORT) || (await freePort());
  const redisPort = await freePort();
  if (!REDIS_URL && !NATS_URL) redis = await startRedis(redisPort);
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  await redis?.ready;

  // They all listen on one port: this process takes the connections, and gives them out in turn.
  cluster.setupPrimary({ exec: fileURLToPath(new URL('server.mjs', import.meta.url)) });
  const env = { PORT: port, ...(redis && { REDIS_URL: `redis://127.0.0.1:${redisPort}` }) };
  nodes = Array.from({ length: nodeCount }, () =>
    keepRunning('A node', () => {
      const worker = cluster.fork(env);
      return { child: worker.process, ready: once(worker, 'listening') };
    }),
  );
  await Promise.all(nodes.map(({ ready }) => ready));
  console.log(introduction(port));
}

function introduction(port) {
  const pids = nodes.map(({ pid }) => pid);
  const where = redis ? `Redis, process ${redis.pid}` : REDIS_URL ? 'Redis' : 'NATS';
  return `
Open http://localhost:${port} in a few windows: each says which process it is connected to.
The processes ${pids.join(', ')} share one log in ${where}.

While the windows are open, try this:

  kill -9 ${pids[0]}
    Its pages go over to the other processes, and miss nothing.
${redis ? `  kill -9 ${redis.pid}\n    All pages wait, and go on when Redis is back.\n` : ''}\
  Ctrl+C
    Everything ends.
`;
}

async function stop() {
  if (isStopping) return;
  isStopping = true;
  await Promise.all(nodes.map((node) => node.stop()));
  await redis?.stop();
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await once(server.close(), 'close');
  return port;
}

try {
  await start();
} catch (error) {
  if (!isStopping) {
    console.error(error.code === 'ENOENT' ? missing : error.message);
    process.exitCode = 1;
    await stop();
  }
}
