import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { createHub, type Hub } from '../../lib/index.js';
import { chromiumProgram, launchChromium } from '../support/chromium.js';
import { describeWith } from '../support/needs.js';
import { range } from '../support/range.js';
import { serve } from '../support/server.js';

const SUPPORT = join(__dirname, '../support/react');

/** The files of the page, rendered on the server once. */
async function build(owner: string): Promise<Map<string, string>> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(SUPPORT, 'build.mjs'), owner],
    { env: { ...process.env, NODE_ENV: 'development' }, maxBuffer: 2 ** 26 },
  );
  return new Map(JSON.parse(stdout));
}

describeWith(chromiumProgram, 'the hooks', (path) => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchChromium(path);
  });

  afterAll(() => browser.close());

  describe.each([
    ['React 18', join(SUPPORT, 'react-18/package.json')],
    ['React 19', join(__dirname, '../../package.json')],
  ])('with %s', (_version, owner) => {
    let files: Map<string, string>;
    let hub: Hub;
    let page: Page;
    const requests: string[] = [];
    const complaints: string[] = [];

    beforeAll(async () => {
      files = await build(owner);
    });

    beforeEach(async () => {
      hub = createHub({ retry: 100 });
      requests.splice(0);
      complaints.splice(0);
      const url = await serve((req, res) => {
        const { pathname, searchParams } = new URL(req.url ?? '/', 'http://page');
        if (pathname === '/stream') {
          requests.push(pathname);
          void hub.open(req, res, { rooms: [searchParams.get('room') as string] });
          return;
        }
        const file = files.get(pathname === '/' ? '/index.html' : pathname);
        const type = pathname.endsWith('.js') ? 'text/javascript' : 'text/html';
        res.writeHead(file === undefined ? 404 : 200, { 'content-type': type }).end(file);
      });
      page = await browser.newPage();
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      await page.goto(url);
    });

    afterEach(() => page.close());

    async function shows(board: string, text: string): Promise<void> {
      await page.locator(`#${board}`, { hasText: text }).waitFor({ timeout: 10_000 });
    }

    test('show the state, the latest event and the newest ones, over one connection in StrictMode', async () => {
      await shows('board', 'live, nothing, []');
      for (const order of range(5)) await hub.to('first').sendEvent('order', order);
      await shows('board', 'live, 4, [2 3 4]');
      expect(requests).toHaveLength(1);
    });

    test('take over what the server has rendered without a complaint', async () => {
      expect(files.get('/index.html')).toContain('connecting');
      await shows('board', 'live, nothing, []');
      expect(complaints).toEqual([]);
    });

    test('have everything that came so far in a component that is mounted later', async () => {
      await shows('board', 'live');
      for (const order of range(5)) await hub.to('first').sendEvent('order', order);
      await shows('board', 'live, 4');
      await page.getByRole('button', { name: 'Another board' }).click();
      await shows('late', 'live, 4, [2 3 4]');
    });

    test('begin anew with another stream, and follow its states', async () => {
      await shows('board', 'live');
      await hub.to('first').sendEvent('order', 7);
      await shows('board', 'live, 7');
      await page.getByRole('button', { name: 'Another room' }).click();
      await shows('board', 'live, nothing, []');
      await hub.to('second').sendEvent('order', 8);
      await shows('board', 'live, 8, [8]');
      await hub.close({ final: true });
      await shows('board', 'closed, 8, [8]');
    });
  });
});
