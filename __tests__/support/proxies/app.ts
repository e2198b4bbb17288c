import { once } from 'node:events';
import { createServer } from 'node:http';
import { createHub, type Hub, type HubOptions } from '../../../lib/index.js';
import { serve } from '../server.js';

/** An app whose server may be away for a while. What was sent meanwhile stays in the hub. */
export class App {
  readonly hub: Hub;
  port = 0;
  /** What the last request said of where it is from. */
  forwardedFor: string | string[] | undefined;
  readonly #server = createServer((req, res) => {
    this.forwardedFor = req.headers['x-forwarded-for'];
    void this.hub.open(req, res, { key: () => String(this.forwardedFor) });
  });

  private constructor(options: HubOptions) {
    this.hub = createHub({ retry: 50, ...options });
  }

  static async start(options: HubOptions): Promise<App> {
    const app = new App(options);
    app.port = Number(new URL(await serve(app.#server)).port);
    return app;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server.close(), 'close');
    this.#server.closeAllConnections();
    await closed;
  }

  async startAgain(): Promise<void> {
    await once(this.#server.listen(this.port, '127.0.0.1'), 'listening');
  }
}
