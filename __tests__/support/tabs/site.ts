import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { createHub, type Hub, type HubOptions } from '../../../lib/index.js';
import { serve } from '../server.js';

const CLIENT = join(__dirname, '../../../dist/esm/client.js');

/** A site whose pages share a stream. */
export class Site {
  readonly hub: Hub;
  port = '';
  sent = 0;
  /** The tabs that are connected, in the order in which they were. */
  readonly connected: string[] = [];
  /** How often each tab has connected. */
  readonly requests = new Map<string, number>();
  #changed: () => void = () => {};

  constructor(options: HubOptions = {}) {
    this.hub = createHub({ retry: 100, history: { events: 100_000 }, ...options });
  }

  async start(): Promise<void> {
    const url = await serve((req, res) => void this.#answer(req, res));
    this.port = new URL(url).port;
  }

  /** Sends the next number. */
  async send(): Promise<void> {
    const order = this.sent++;
    await this.hub.sendEvent('order', order);
  }

  /** Resolves when the connected ones are as they should be. */
  async until(areRight: (connected: readonly string[]) => boolean): Promise<void> {
    while (!areRight(this.connected)) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }

  async #answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname } = new URL(req.url ?? '/', 'http://site');
    if (pathname.startsWith('/stream')) {
      const tab = String(req.headers['x-tab']);
      this.connected.push(tab);
      this.requests.set(tab, (this.requests.get(tab) ?? 0) + 1);
      this.#changed();
      res.once('close', () => {
        this.connected.splice(this.connected.indexOf(tab), 1);
        this.#changed();
      });
      await this.hub.open(req, res);
    } else if (pathname === '/client.js') {
      res.setHeader('Content-Type', 'text/javascript').end(readFileSync(CLIENT));
    } else {
      const isTab = pathname === '/tab';
      res.setHeader('Content-Type', 'text/html');
      res.end(isTab ? readFileSync(join(__dirname, 'page.html')) : '<title>Elsewhere</title>');
    }
  }
}
