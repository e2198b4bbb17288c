import { clusterTorture } from '../support/cluster-torture.js';
import { type Engine, stopEngines } from '../support/engine.js';
import { NATS, natsServer } from '../support/nats-server.js';
import { describeWith } from '../support/needs.js';
import { REDIS, redisServer } from '../support/redis-server.js';

afterAll(stopEngines);

async function endure(server: Engine): Promise<void> {
  await server.start();
  const pace = { eventsPerSecond: 50, killsPerSecond: 2 };
  const settings = { clients: 300, kills: 60, events: 3000, ...pace };
  const { faults, ...figures } = await clusterTorture({ url: server.url, ...settings });
  process.stdout.write(`${JSON.stringify({ ...settings, ...figures, faults: faults.length })}\n`);
  expect(figures.acknowledged).toBeGreaterThan(0);
  expect(figures.reconnects).toBeGreaterThan(0);
  expect(faults).toEqual([]);
}

const TITLE = 'three nodes for a minute, 300 clients, and a node killed again and again';

describeWith(REDIS, `${TITLE}, over Redis`, (path) => {
  test('nothing is lost', () => endure(redisServer(path)));
});

describeWith(NATS, `${TITLE}, over NATS`, (path) => {
  test('nothing is lost', () => endure(natsServer(path)));
});
