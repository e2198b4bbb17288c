import { stopEngines } from '../support/engine.js';
import { endure, openRedis, redisFaults } from '../support/faults.js';
import { describeWith } from '../support/needs.js';
import { stopProxies } from '../support/proxy.js';
import { REDIS, redisServer } from '../support/redis-server.js';

afterEach(async () => {
  await stopProxies();
  await stopEngines();
});

describeWith(REDIS, 'two nodes that share a log in Redis get over', (path) => {
  test.each(redisFaults.map((fault) => [fault.name, fault] as const))(
    '%s',
    async (_name, fault) => {
      expect(await endure(fault, redisServer(path), openRedis)).toEqual([]);
    },
  );
});
