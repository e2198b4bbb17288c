// One process of a deployment: a stream, a route that sends, and answers, shut down as the README says.
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { createAnswers } from '../../../dist/esm/answers/answers.js';
import { shutDown, sse } from '../../../dist/esm/index.js';
import { redisLog } from '../../../dist/esm/redis/redis-log.js';

const { PORT = 0, REDIS_URL, PREFIX, EXPRESS = 'express' } = process.env;
const { TOKENS = 50, PAUSE = 40 } = process.env;
const { default: express } = await import(EXPRESS);

async function* tokens(id) {
  for (let index = 0; index < Number(TOKENS); index++) {
    await sleep(Number(PAUSE));
    yield `${id}:${index} `;
  }
}

const redis = createClient({ url: REDIS_URL });
const stream = sse({ log: redisLog(redis, { prefix: PREFIX }), retry: 100 });
const answers = createAnswers({
  log: redisLog(redis, { prefix: `${PREFIX}-answers` }),
  retry: 100,
});
const app = express();
app.get('/stream', stream);
app.get('/health', (_req, res) => res.json({ pid: process.pid }));
app.post('/send/:number', async (req, res) => {
  await stream.hub.send(req.params.number);
  res.json({ pid: process.pid });
});
app.post('/ask/:id', async (req, res) => {
  const answer = await answers.start(req.params.id);
  answer.sendFrom(tokens(answer.id));
  res.json({ pid: process.pid });
});
app.get(
  '/answers/:id',
  answers.route((req) => req.params.id),
);

const server = app.listen(PORT, '127.0.0.1', () => {
  process.send?.(server.address().port);
  // For PM2's `wait_ready`.
  process.send?.('ready');
});
shutDown(server, [stream.hub, answers]).then(() => process.exit());

// The test is over, or gone.
process.on('disconnect', () => process.exit());
