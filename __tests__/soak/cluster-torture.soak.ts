import { clusterTorture } from '../support/cluster-torture.js';
import { type Engine, stopEngines } from '../support/engine.js';
import { NATS, natsServer } from '../support/nats-server.js';
import { describeWith } from '../support/needs.js';
import { REDIS, redisServer } from '../support/redis-server.js';

afterAll(stopEngines);

async function endure(server: Engine): Promise<void> {
  await server.start();
  const settings = { clients: 300, seconds: 60, eventsPerSecond: 50, killsPerSecond: 2 };
  const { faults, ...figures } = await clusterTorture({ url: server.url, ...settings });
  process.stdout.write(`${JSON.stringify({ ...settings, ...figures, faults: faults.length })}\n`);
  expect(figures.acknowledged).toBeGreaterThan(1000);
  expect(figures.kills).toBeGreaterThan(30);
  expect(figures.reconnects).toBeGreaterThan(3000);
  expect(faults).toEqual([]);
}

const TITLE = 'three nodes for a minute, 300 clients, and a node killed again and again';

describeWith(REDIS, `${TITLE}, over Redis`, (path) => {
  test('nothing is lost', () => endure(redisServer(path)));
});

describeWith(NATS, `${TITLE}, over NATS`, (path) => {
  test('nothing is lost', () => endure(natsServer(path)));
});
