import { clusterTorture } from './support/cluster-torture.js';
import { type Engine, stopEngines } from './support/engine.js';
import { NATS, natsServer } from './support/nats-server.js';
import { describeWith } from './support/needs.js';
import { REDIS, redisServer } from './support/redis-server.js';

afterAll(stopEngines);

async function endure(server: Engine): Promise<void> {
  await server.start();
  const report = await clusterTorture({
    url: server.url,
    clients: 50,
    kills: 3,
    events: 100,
    eventsPerSecond: 50,
    killsPerSecond: 2,
  });
  expect(report.acknowledged).toBeGreaterThan(0);
  expect(report.reconnects).toBeGreaterThan(0);
  expect(report.faults).toEqual([]);
}

const TITLE = 'three nodes, 50 clients, and a node killed again and again';

describeWith(REDIS, `${TITLE}, over Redis`, (path) => {
  test('every client has every acknowledged event once, in order', () => endure(redisServer(path)));
});

describeWith(NATS, `${TITLE}, over NATS`, (path) => {
  test('every client has every acknowledged event once, in order', () => endure(natsServer(path)));
});
