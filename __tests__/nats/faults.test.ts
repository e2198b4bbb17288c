import { stopEngines } from '../support/engine.js';
import { endure, natsFaults, openNats } from '../support/faults.js';
import { NATS, natsServer } from '../support/nats-server.js';
import { describeWith } from '../support/needs.js';
import { stopProxies } from '../support/proxy.js';

afterEach(async () => {
  await stopProxies();
  await stopEngines();
});

describeWith(NATS, 'two nodes that share a log in NATS get over', (path) => {
  test.each(natsFaults.map((fault) => [fault.name, fault] as const))('%s', async (_name, fault) => {
    expect(await endure(fault, natsServer(path), openNats)).toEqual([]);
  });
});
