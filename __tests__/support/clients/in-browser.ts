import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';
import { json } from 'node:stream/consumers';
import { type Browser, withPage } from '../browsers.js';
import { ROOT } from '../pages.js';
import { serve } from '../server.js';
import { type Open, Streams } from './stream.js';

/** Where a browser finds the packages that it imports by name. */
const IMPORTS = {
  'event-source-polyfill': '/node_modules/event-source-polyfill/src/eventsource.js',
  '@microsoft/fetch-event-source': '/node_modules/@microsoft/fetch-event-source/lib/esm/index.js',
  'extended-eventsource': '/node_modules/extended-eventsource/dist/index.esm.js',
  'sse.js': '/node_modules/sse.js/lib/sse.js',
  'reconnecting-eventsource':
    '/node_modules/reconnecting-eventsource/build/esm/reconnecting-eventsource.js',
};

const PAGE = `<!doctype html><title>streams</title>
<script type="importmap">${JSON.stringify({ imports: IMPORTS })}</script>
<script type="module" src="/__tests__/support/clients/page.mjs"></script>`;

/** Clients for browsers, in a page. */
export async function withBrowser<T>(
  browser: Browser,
  path: string,
  work: (open: Open) => Promise<T>,
): Promise<T> {
  const commands: object[] = [];
  let waiting: ServerResponse | undefined;
  const giveCommands = () => {
    if (waiting === undefined || commands.length === 0) return;
    waiting.end(JSON.stringify(commands.splice(0)));
    waiting = undefined;
  };
  const streams = new Streams((command) => {
    commands.push(command);
    giveCommands();
  });
  const url = await serve(async (req, res) => {
    if (req.url === '/commands') {
      waiting = res;
      giveCommands();
    } else if (req.method === 'POST') {
      for (const news of (await json(req)) as Parameters<Streams['take']>[0][]) streams.take(news);
      res.end();
    } else {
      await giveFile(req, res);
    }
  });
  return withPage(browser, path, url, () => work(streams.open));
}

async function giveFile({ url = '' }: IncomingMessage, res: ServerResponse): Promise<void> {
  if (url === '/') {
    res.setHeader('Content-Type', 'text/html');
    res.end(PAGE);
    return;
  }
  // Some packages leave the extension to a bundler.
  const file = extname(url) === '' ? `${url}.js` : url;
  res.setHeader('Content-Type', 'text/javascript');
  res.end(await readFile(join(ROOT, file)).catch(() => ''));
}
