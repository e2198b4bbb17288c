import { execFileSync } from 'node:child_process';
import { withNode } from './support/clients/in-node.js';
import { stopEngines } from './support/engine.js';
import { describeWith } from './support/needs.js';
import { read } from './support/pages.js';
import { App } from './support/proxies/app.js';
import { PAGE, PROXIES, type ProxyProgram } from './support/proxies/programs.js';
import { ProxyServer } from './support/proxies/server.js';
import { TRIALS, type Trial } from './support/proxies/trials.js';
import { StreamReader } from './support/stream-client.js';
import { WrittenTable } from './support/written-table.js';

const COLUMNS = TRIALS.map(({ column }) => column);
const table = new WrittenTable(PAGE, ['Proxy', 'Version', ...COLUMNS]);

/** Longer than any test takes: a proxy tells the app of what the client does, and not of heartbeats. */
const QUIET = { keepAlive: 600_000 };

function versionOf({ package: name, versionArgs = [] }: ProxyProgram, path: string): string {
  if (name !== undefined) return JSON.parse(read(`node_modules/${name}/package.json`)).version;
  const command = `"${path}" ${versionArgs.join(' ')} 2>&1`;
  return /\d+\.[\d.]*\d/.exec(execFileSync('sh', ['-c', command], { encoding: 'utf8' }))?.[0] ?? '';
}

afterEach(stopEngines);

afterAll(() => table.write());

describe.each(PROXIES)('through $name, with the settings of the page,', (proxy) => {
  describeWith(proxy.program, 'a reader', (path) => {
    test('gets all that is sent, and the proxy does what the table says', async () => {
      const cells = await withNode((open) => {
        const run = async (trial: Trial) => {
          const app = await App.start(QUIET);
          const server = new ProxyServer(path, proxy, app.port);
          await server.start();
          return trial.run({ app, proxy: server, open });
        };
        return Promise.all(TRIALS.map(run));
      });
      expect(cells[COLUMNS.indexOf('Events')]).toBe('at once');
      expect(cells[COLUMNS.indexOf('The proxy restarts')]).toBe('misses nothing');
      const version = versionOf(proxy, path);
      const [written, ...expected] = table.expected(proxy.name, [version, ...cells]);
      expect(cells).toEqual(expected);
      if (proxy.package !== undefined) expect(version).toBe(written);
    });
  });
});

describe('behind a proxy that keeps the connections of those who left', () => {
  const haproxy = PROXIES.find(({ name }) => name === 'haproxy') as ProxyProgram;

  describeWith(haproxy.program, 'a page that is reloaded', (path) => {
    test('is let in long before the next heartbeat would have shown that it had left', async () => {
      const app = await App.start({ keepAlive: 100_000, maxClientsPerKey: 1 });
      const server = new ProxyServer(path, haproxy, app.port);
      await server.start();
      // Of another key, since it comes by another way.
      const other = await StreamReader.open(`http://127.0.0.1:${app.port}/stream`);
      const before = await StreamReader.open(`${server.url}/stream`);
      await before.until(({ notices }) => notices.length > 0);
      before.destroy();
      await withNode(async (open) => {
        const after = open('eventsource 4', `${server.url}/stream`);
        await after.receives('ready');
        after.close();
      });
      expect(other.notices.map(({ type }) => type)).toEqual(['ready']);
    });
  });
});
