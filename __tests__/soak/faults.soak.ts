import { stopEngines } from '../support/engine.js';
import { endure, natsFaults, openNats, openRedis, redisFaults } from '../support/faults.js';
import { NATS, natsServer } from '../support/nats-server.js';
import { describeWith } from '../support/needs.js';
import { stopProxies } from '../support/proxy.js';
import { REDIS, redisServer } from '../support/redis-server.js';

const TIMES = 20;

afterEach(async () => {
  await stopProxies();
  await stopEngines();
});

/** Each fault, so many times. */
function often<Fault extends { readonly name: string }>(faults: readonly Fault[]) {
  return faults.flatMap((fault) =>
    Array.from({ length: TIMES }, (_, time) => [`${fault.name}, ${time + 1}`, fault] as const),
  );
}

describeWith(REDIS, 'two nodes that share a log in Redis get over', (path) => {
  test.each(often(redisFaults))('%s', async (_name, fault) => {
    expect(await endure(fault, redisServer(path), openRedis)).toEqual([]);
  });
});

describeWith(NATS, 'two nodes that share a log in NATS get over', (path) => {
  test.each(often(natsFaults))('%s', async (_name, fault) => {
    expect(await endure(fault, natsServer(path), openNats)).toEqual([]);
  });
});
