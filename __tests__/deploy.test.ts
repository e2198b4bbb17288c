import { randomUUID } from 'node:crypto';
import { type Deploy, nodeCluster, pm2 } from './support/deploy/deployment.js';
import { underLoad, underVisits } from './support/deploy/load.js';
import { stopEngines } from './support/engine.js';
import { describeWith } from './support/needs.js';
import { REDIS, type RedisServer, redisServer } from './support/redis-server.js';

describeWith(REDIS, 'three processes that are restarted one after the other', (path) => {
  let server: RedisServer;

  beforeAll(async () => {
    server = redisServer(path);
    await server.start();
  });

  afterAll(stopEngines);

  const ways: [string, string, Deploy][] = [
    ['node:cluster with SIGTERM', 'express4', nodeCluster('SIGTERM')],
    ['PM2 with SIGINT', 'express', pm2('SIGINT')],
  ];

  test.each(ways)(
    'under %s, with %s, refuse no send, lose and double nothing, and end each answer',
    async (_name, framework, deploy) => {
      const deployment = await deploy({
        REDIS_URL: server.url,
        PREFIX: randomUUID(),
        EXPRESS: framework,
      });
      try {
        const outcome = await underLoad(deployment, { readers: 20, pause: 10 }, () =>
          deployment.restart(),
        );
        expect(outcome).toEqual({
          sends: expect.any(Number),
          failed: [],
          wrong: [],
          answers: expect.any(Number),
          broken: [],
        });
        expect(outcome.sends).toBeGreaterThan(0);
        expect(outcome.answers).toBeGreaterThan(0);
      } finally {
        await deployment.stop();
      }
    },
  );

  test('keep no visitor waiting whom a busy primary hands over late', async () => {
    const env = { REDIS_URL: server.url, PREFIX: randomUUID() };
    const deployment = await nodeCluster('SIGTERM', 200)(env);
    try {
      const restarts = async () => {
        for (let round = 0; round < 3; round++) await deployment.restart();
      };
      expect(await underVisits(deployment, 20, restarts)).toEqual([]);
    } finally {
      await deployment.stop();
    }
  });
});
