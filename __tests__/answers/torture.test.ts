import { randomUUID } from 'node:crypto';
import { tortureAnswers } from '../support/deploy/torture.js';
import { stopEngines } from '../support/engine.js';
import { describeWith } from '../support/needs.js';
import { REDIS, redisServer } from '../support/redis-server.js';

describeWith(REDIS, 'answers of three processes over one Redis', (path) => {
  afterAll(stopEngines);

  test('reach readers that reload, change nodes and come late, whoever is killed', async () => {
    const server = redisServer(path);
    await server.start();
    const options = { answers: 18, tokens: 150, pause: 20, readers: 54 };
    const outcome = await tortureAnswers(server, randomUUID(), options);
    expect(outcome.wrong).toEqual([]);
    // A third of them were produced where the process was killed.
    expect(outcome).toMatchObject({ done: 12, lost: 6 });
  });
});
