import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import express from 'express';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { type SseHandler, sse } from '../../lib/index.js';
import { chromiumProgram, launchChromium } from '../support/chromium.js';
import { readBlocks } from '../support/markdown.js';
import { describeWith } from '../support/needs.js';
import { read } from '../support/pages.js';
import { serve } from '../support/server.js';

const BUILD = join(__dirname, '../support/recipes/build.mjs');

function recipe(name: string): string {
  const block = readBlocks(read('docs/client.md')).find((one) => one.name === name);
  if (block === undefined) throw new Error(`there is no block ${name}`);
  return block.code;
}

/** What a page does with a recipe, in one line: the state, and the ids of the orders. */
const PAGES: Readonly<Record<string, string>> = {
  'With React 1': `
    import { createElement } from 'react';
    import { createRoot } from 'react-dom/client';
    import { useOrders } from './recipe';
    function Page() {
      const { state, orders } = useOrders();
      return state + ' ' + orders.map(({ id }) => id).join(' ');
    }
    createRoot(document.querySelector('main')).render(createElement(Page));
  `,
  'With Vue 1': `
    import { createApp } from 'vue';
    import { useOrders } from './recipe';
    createApp({
      setup() {
        const { state, orders } = useOrders();
        return () => state.value + ' ' + orders.value.map(({ id }) => id).join(' ');
      },
    }).mount('main');
  `,
  'With Svelte 1': `
    import { orders } from './recipe';
    orders.subscribe((list) => {
      document.querySelector('main').textContent = 'live ' + list.map(({ id }) => id).join(' ');
    });
  `,
};

describeWith(chromiumProgram, 'the recipes for pages', (path) => {
  let browser: Browser;
  let context: BrowserContext;
  let stream: SseHandler;
  let user = 'ann';
  let code = '';
  let url = '';

  beforeAll(async () => {
    browser = await launchChromium(path);
  });

  afterAll(() => browser.close());

  beforeEach(async () => {
    context = await browser.newContext();
    const loggedOut = new Set<string>();
    const nameOf = (header = '') => /^Bearer (\w+)$/.exec(header)?.[1] ?? '';
    stream = sse({
      retry: 100,
      start: { last: 10 },
      rooms: (req) => [`user:${nameOf(req.headers.authorization)}`],
    });
    const app = express();
    app.get('/', (_req, res) => {
      res.send(`<body data-user="${user}"><main></main><button>Log out</button>
        <script type="module" src="/main.js"></script>`);
    });
    app.get('/main.js', (_req, res) => res.type('js').send(code));
    app.get('/token', (_req, res) => res.send(user));
    app.get('/stream', stream);
    app.get(
      '/orders',
      (req, res, next) => {
        if (loggedOut.has(nameOf(req.headers.authorization))) res.sendStatus(401);
        else next();
      },
      stream,
    );
    app.post('/logout', async (_req, res) => {
      loggedOut.add(user);
      await stream.hub.to(`user:${user}`).sendEvent('logout', {});
      res.sendStatus(204);
    });
    url = await serve(app);
  });

  afterEach(() => context.close());

  async function build(files: Readonly<Record<string, string>>): Promise<void> {
    const folder = mkdtempSync(join(tmpdir(), 'express-sse-hub-recipe-'));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const options = { maxBuffer: 2 ** 26 };
    code = (await promisify(execFile)(process.execPath, [BUILD, folder], options)).stdout;
    rmSync(folder, { recursive: true });
  }

  async function open(): Promise<Page> {
    const page = await context.newPage();
    await page.goto(url);
    return page;
  }

  async function shows(page: Page, text: string): Promise<void> {
    await page.locator('body', { hasText: text }).waitFor();
  }

  test.each(Object.entries(PAGES))('%s', async (name, main) => {
    await build({ 'recipe.ts': recipe(name), 'main.ts': main });
    await stream.hub.sendEvent('order', { id: 1 });
    const page = await open();
    await shows(page, 'live 1');
    await stream.hub.sendEvent('order', { id: 2 });
    await shows(page, 'live 1 2');
  });

  test('With nothing else 1', async () => {
    await build({ 'main.ts': recipe('With nothing else 1') });
    const page = await open();
    await stream.hub.sendEvent('order', 'soup');
    await shows(page, 'soup');
    expect(await page.title()).toBe('live');
  });

  test('One connection for all tabs 1: a logout ends all tabs of the user, and no other ones', async () => {
    await build({ 'main.ts': recipe('One connection for all tabs 1') });
    user = 'ann';
    const ann = [await open(), await open()];
    await stream.hub.to('user:ann').sendEvent('order', 'soup');
    for (const page of ann) await shows(page, 'soup');

    // Somebody else logs in.
    user = 'ben';
    const ben = await open();
    await stream.hub.to('user:ben').sendEvent('order', 'cake');
    await shows(ben, 'cake');
    for (const page of ann) expect(await page.textContent('body')).not.toContain('cake');
    expect(await ben.textContent('body')).not.toContain('soup');

    user = 'ann';
    await ann[0]?.getByRole('button').click();
    for (const page of ann) await page.waitForFunction(`document.title.startsWith('closed')`);
    while (stream.hub.size > 1) await new Promise(setImmediate);
    await stream.hub.to('user:ben').sendEvent('order', 'tea');
    await shows(ben, 'tea');

    // Who is logged out gets nothing more, whatever the page does.
    const again = await open();
    await again.waitForFunction(`document.title.startsWith('closed: ')`);
    expect(await again.title()).toBe(`closed: ${url}/orders: the server refuses this user (401)`);
  });
});
