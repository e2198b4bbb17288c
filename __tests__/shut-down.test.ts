import { once } from 'node:events';
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  type ClientHttp2Session,
  connect,
  createServer as createHttp2,
  createSecureServer,
} from 'node:http2';
import { createServer as createHttps, Agent as HttpsAgent } from 'node:https';
import { connect as connectTo, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHub, type Hub, type Request, type Response, shutDown } from '../lib/index.js';
import { makeCertificate } from './support/certificate.js';
import { refusal } from './support/refusal.js';
import { serve } from './support/server.js';
import { fetchHead, StreamReader } from './support/stream-client.js';

/** A deferred value. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('a hub that drains', () => {
  test('goes on sending, ends its streams with a time to reconnect, and lets nobody in', async () => {
    const hub = createHub({ retry: 1000 });
    const url = await serve((req, res) => void hub.open(req, res));
    const reader = await StreamReader.open(url);
    const before = hub.send('before');
    const drained = hub.drain();
    await expect(hub.send('after')).resolves.toMatch(/\./);
    await Promise.all([before, drained, reader.end()]);
    expect(reader.data).toEqual(['before']);
    const [first, last] = reader.text.match(/^retry: \d+$/gm) ?? [];
    expect(first).toBe('retry: 1000');
    expect(Number(last?.slice(7))).toBeGreaterThanOrEqual(1000);
    const refused = await StreamReader.open(url);
    await refused.end();
    expect(refused.text).toMatch(/^retry: \d+\n\n$/);
    expect(hub.size).toBe(0);
    await hub.close();
    await expect(hub.send('too late')).rejects.toMatchObject({ code: 'ERR_SSE_CLOSED' });
  });

  test('lets a source that is sent to one client end, and its last word through', async () => {
    const hub = createHub();
    const { opened, open } = gate();
    async function* tokens() {
      yield 'one';
      await opened;
      yield 'two';
    }
    const url = await serve(async (req, res) => {
      const client = await hub.open(req, res);
      await client.sendFrom(tokens());
      // The answer is saved, say.
      await sleep(50);
      await client.sendEvent('done');
      client.close();
    });
    const reader = await StreamReader.open(url);
    await reader.received(1);
    const drained = hub.drain();
    open();
    await Promise.all([drained, reader.end()]);
    expect(reader.events.map(({ type, data }) => [type, data])).toEqual([
      ['message', 'one'],
      ['message', 'two'],
      ['done', ''],
    ]);
  });

  test('ends a stream whose source is over and that nobody closes', async () => {
    const hub = createHub();
    const { opened, open } = gate();
    async function* tokens() {
      yield 'one';
      await opened;
    }
    const url = await serve(async (req, res) => void (await hub.open(req, res)).sendFrom(tokens()));
    const reader = await StreamReader.open(url);
    await reader.received(1);
    const drained = hub.drain();
    open();
    await Promise.all([drained, reader.end()]);
    expect(reader.text).toMatch(/retry: \d+\n\n$/);
  });

  test('cuts off what is left after the timeout, and is closed by close()', async () => {
    const hub = createHub();
    async function* endless() {
      yield 'one';
      await new Promise(() => {});
    }
    const url = await serve(
      async (req, res) => void (await hub.open(req, res)).sendFrom(endless()),
    );
    const readers = [await StreamReader.open(url), await StreamReader.open(url)];
    for (const reader of readers) await reader.received(1);
    await hub.drain({ timeout: 50 });
    for (const reader of readers) await reader.end();
    await hub.close();
    await hub.drain();
  });

  test('refuses a bad timeout', async () => {
    const hub = createHub();
    await expect(hub.drain({ timeout: 0 })).rejects.toThrow(
      'timeout 0: must be a number above 0 and at most 2147483647, in milliseconds',
    );
    await expect(hub.send('x')).resolves.toMatch(/\./);
  });
});

/** An app with a stream, and a route that sends. */
function appOf(hub: Hub, work = async () => {}) {
  return async (req: Request, res: Response): Promise<void> => {
    if (req.url === '/stream') return void hub.open(req, res);
    await work();
    await hub.send('sent');
    (res as ServerResponse).end('ok');
  };
}

describe('a shutdown', () => {
  const kinds: [string, (app: ReturnType<typeof appOf>) => Server][] = [
    ['http', (app) => createServer(app)],
    ['https', (app) => createHttps(makeCertificate(), app)],
    [
      'http2 with HTTP/1',
      (app) => createSecureServer({ ...makeCertificate(), allowHTTP1: true }, app),
    ],
  ];

  test.each(kinds)(
    'of a server of %s refuses no request on connections that are kept, and then closes them',
    async (_kind, make) => {
      const hub = createHub();
      const server = make(appOf(hub));
      const url = await serve(server);
      const begun = gate();
      const options = { signals: [], timeout: 5000 };
      const reader = await StreamReader.open(`${url}/stream`);
      let sent = 0;
      const post = async () => {
        const own = url.startsWith('https')
          ? new HttpsAgent({ keepAlive: true })
          : new Agent({ keepAlive: true });
        for (;;) {
          let response: IncomingMessage;
          try {
            response = await fetchHead(`${url}/send`, { agent: own });
          } catch (error) {
            // Nothing accepts a new connection any more.
            expect((error as { code?: string }).code).toMatch(/^ECONN(REFUSED|RESET)$/);
            break;
          }
          response.resume();
          await once(response, 'end');
          sent++;
          if (sent === 10) begun.open();
        }
        own.destroy();
      };
      const posting = [post(), post()];
      await begun.opened;
      const closed = shutDown(server, hub, options);
      await Promise.all([closed, ...posting, reader.end()]);
      expect(server.listening).toBe(false);
      await expect(hub.send('x')).rejects.toMatchObject({ code: 'ERR_SSE_CLOSED' });
    },
  );

  test('waits for a request that is under way, which still sends', async () => {
    const hub = createHub();
    const { opened, open } = gate();
    const server = createServer(appOf(hub, () => opened));
    const url = await serve(server);
    const answered = fetchHead(`${url}/send`);
    await once(server, 'request');
    const closed = shutDown(server, [hub], { signals: [] });
    await sleep(1100);
    open();
    expect((await answered).statusCode).toBe(200);
    await closed;
  });

  test.each([
    ['with TLS', () => createSecureServer({ ...makeCertificate() })],
    ['without', () => createHttp2()],
  ])('of HTTP/2 %s closes its sessions, idle ones as well', async (_kind, make) => {
    const hub = createHub();
    const server = make();
    server.on('request', appOf(hub));
    const url = await serve(server);
    const closed = shutDown(server, hub, { signals: ['SIGUSR2'] });
    const sessions: ClientHttp2Session[] = [0, 1].map(() =>
      connect(url, { rejectUnauthorized: false }),
    );
    const [session] = sessions as [ClientHttp2Session];
    const stream = session.request({ ':path': '/stream' }).setEncoding('utf8');
    let text = '';
    stream.on('data', (part: string) => {
      text += part;
    });
    await Promise.all([once(stream, 'response'), once(sessions[1] as never, 'connect')]);
    const gone = sessions.map((one) => once(one, 'close'));
    process.emit('SIGUSR2');
    await Promise.all([closed, once(stream, 'close'), ...gone]);
    expect(text).toMatch(/retry: \d+\n\n$/);
  });

  test('answers a request that came while the process was busy, before it closes what is idle', async () => {
    const hub = createHub();
    const server = createServer(appOf(hub));
    const { port } = new URL(await serve(server));
    const socket = connectTo(Number(port), '127.0.0.1');
    const request = 'POST /send HTTP/1.1\r\nHost: app\r\nContent-Length: 0\r\n\r\n';
    socket.write(request);
    await once(socket, 'data');
    const over = shutDown(server, hub, { signals: [] });
    // No connection is accepted any more: what is idle is closed a second from now.
    while (server.listening) await new Promise(setImmediate);
    await new Promise(setImmediate);
    socket.write(request);
    for (const end = performance.now() + 1200; performance.now() < end; );
    const [answer] = await once(socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 200 [\s\S]*Connection: close[\s\S]*ok/);
    await over;
  });

  test('cuts off what never ends', async () => {
    const hub = createHub();
    const server = createServer(appOf(hub, () => new Promise(() => {})));
    const url = await serve(server);
    const answered = fetchHead(`${url}/send`);
    await once(server, 'request');
    const closed = shutDown(server, hub, { signals: [], timeout: 50 });
    await expect(answered).rejects.toMatchObject({ code: 'ECONNRESET' });
    await closed;
  });

  test('with a bad argument is an error', () => {
    const server = createServer();
    const hub = createHub();
    expect(refusal(() => shutDown({} as Server, hub))).toBe(
      'TypeError: shutDown server {}: must be a server, as listen() gives it',
    );
    expect(refusal(() => shutDown(server, [hub, 7 as never]))).toBe(
      'TypeError: shutDown hub 7: must be a hub, or answers',
    );
    expect(refusal(() => shutDown(server, hub, { signals: 'SIGTERM' as never }))).toBe(
      "TypeError: signals 'SIGTERM': must be a list of names of signals",
    );
    expect(refusal(() => shutDown(server, hub, { time: 1 } as object))).toBe(
      "TypeError: shutDown options: there is no option 'time', only timeout, signals",
    );
  });
});
