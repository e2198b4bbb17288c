import { randomUUID } from 'node:crypto';
import { nodeCluster, pm2 } from '../support/deploy/deployment.js';
import { underLoad } from '../support/deploy/load.js';
import { tortureAnswers } from '../support/deploy/torture.js';
import { stopEngines } from '../support/engine.js';
import { describeWith } from '../support/needs.js';
import { REDIS, type RedisServer, redisServer } from '../support/redis-server.js';

describeWith(REDIS, 'answers and deployments, at length', (path) => {
  let server: RedisServer;

  beforeAll(async () => {
    server = redisServer(path);
    await server.start();
  });

  afterAll(stopEngines);

  test('100 answers of 300 chunks, 300 readers, and processes that are killed', async () => {
    const options = { answers: 100, tokens: 300, pause: 50, readers: 300 };
    const { wrong, ...outcome } = await tortureAnswers(server, randomUUID(), options);
    process.stdout.write(`${JSON.stringify(outcome)}\n`);
    expect(wrong).toEqual([]);
    expect(outcome).toMatchObject({ done: 66, lost: 34 });
  }, 120_000);

  test.each([
    ['node:cluster with SIGTERM', nodeCluster('SIGTERM')],
    ['node:cluster with SIGINT', nodeCluster('SIGINT')],
    ['PM2 with SIGINT', pm2('SIGINT')],
    ['PM2 with SIGTERM', pm2('SIGTERM')],
  ])(
    '100 readers, a sender and answers, through three restarts under %s',
    async (name, deploy) => {
      const deployment = await deploy({ REDIS_URL: server.url, PREFIX: randomUUID() });
      try {
        const { failed, wrong, broken, ...outcome } = await underLoad(
          deployment,
          { readers: 100, pause: 0 },
          async () => {
            for (let restarts = 0; restarts < 3; restarts++) await deployment.restart();
          },
        );
        process.stdout.write(`${name}: ${JSON.stringify(outcome)}\n`);
        expect({ failed, wrong, broken }).toEqual({ failed: [], wrong: [], broken: [] });
      } finally {
        await deployment.stop();
      }
    },
    180_000,
  );
});
