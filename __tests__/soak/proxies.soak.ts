import { withNode } from '../support/clients/in-node.js';
import { stopEngines } from '../support/engine.js';
import { describeWith } from '../support/needs.js';
import { App } from '../support/proxies/app.js';
import { PROXIES } from '../support/proxies/programs.js';
import { ProxyServer } from '../support/proxies/server.js';
import { IDLE, staysOpen } from '../support/proxies/trials.js';

const DEFAULT = { keepAlive: 15_000 };

afterEach(stopEngines);

describe.each(PROXIES)('through $name', (program) => {
  describeWith(program.program, 'a stream with nothing but heartbeats', (path) => {
    test(`stays open for ${IDLE / 1000} s`, () =>
      withNode(async (open) => {
        const app = await App.start(DEFAULT);
        const proxy = new ProxyServer(path, program, app.port);
        await proxy.start();
        expect(await staysOpen({ app, proxy, open })).toBe(true);
      }));
  });
});
