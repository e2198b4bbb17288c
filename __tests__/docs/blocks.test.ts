import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { get as getHttps } from 'node:https';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { sse } from '../../lib/index.js';
import { readHubOptions } from '../../lib/options.js';
import { makeCertificate } from '../support/certificate.js';
import { Consumer, type Program, typeErrors } from '../support/consumer.js';
import { type Engine, stopEngines } from '../support/engine.js';
import { type Block, readBlocks } from '../support/markdown.js';
import { NATS, natsServer } from '../support/nats-server.js';
import { describeWith } from '../support/needs.js';
import { PAGES, ROOT, read } from '../support/pages.js';
import { BLOCKS as PROXY_BLOCKS } from '../support/proxies/programs.js';
import { REDIS, type RedisServer, redisServer } from '../support/redis-server.js';
import { serve } from '../support/server.js';
import { StreamReader } from '../support/stream-client.js';

const { scripts, ...manifest } = JSON.parse(read('package.json'));
// A block without a language is a drawing. The settings of the proxies have a suite of their own.
const blocks = PAGES.flatMap((page) => readBlocks(read(page))).filter(
  ({ name, language }) => language && !PROXY_BLOCKS.has(name),
);
const PROSE = PAGES.map(read).join(' ').replace(/\s+/g, ' ');

/** How a block of one of the documents is put to the test. */
interface Check {
  /** What the document takes for granted around a piece of a program. */
  readonly before?: string;
  readonly after?: string;
  /** What it needs: `redis` and `nats` are there then, each without any data. */
  readonly engine?: 'redis' | 'nats';
  /** `code` is the block between `before` and `after`. Missing for what browser/recipes.test.ts runs in a browser. */
  run?(code: string, block: Block): Promise<void>;
}

const APP = `
  import express from 'express';
  const app = express();
`;
const IMPORT = `
  import { sse } from 'express-sse-hub';
`;
const STREAM = `
  ${IMPORT}
  const stream = sse();
`;
const ROUTE = `
  app.get('/stream', stream);
`;
const ORDERS = `
  interface Order { readonly id: number }
  interface Events { readonly order: Order }
`;
const SEND_ON_REQUEST = `
  app.post('/send', async (_req, res) => {
    await stream.hub.sendEvent('apples', { count: 42 });
    res.end();
  });
`;
const LISTEN = `
  app.listen(3000);
`;
const SEND_OFTEN = `
  setInterval(() => stream.hub.send('tick'), 20);
`;
/** Two answers, and then one that goes on until its reader has left. */
const MODEL = `
  let asked = 0;
  async function* askModel(question: string, signal: AbortSignal) {
    asked++;
    console.log('asked', question);
    try {
      yield* ['two', 'lines'];
      if (asked === 2) throw new Error('overloaded');
      while (asked > 2 && !signal.aborted) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        yield 'more';
      }
    } finally {
      console.log('stopped', asked);
    }
  }
`;
/** So that what comes next is sent to a client that is there. */
const AFTER_FIRST_CLIENT = `
  while (stream.hub.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
`;

let consumer: Consumer;
let redis: RedisServer;
let nats: Engine;

beforeAll(() => {
  const dependencies = [
    'express',
    'express4',
    'connect',
    'compression',
    'eventsource',
    'eventsource-parser',
    'redis',
    'ioredis',
    '@nats-io',
    'express-session',
    'fastify',
    'ai',
  ];
  consumer = new Consumer(dependencies);
  consumer.write('node_modules/express-sse-hub/package.json', {
    type: 'module',
    exports: {
      '.': './index.js',
      './redis': './redis/redis-log.js',
      './nats': './nats/nats-log.js',
      './answers': './answers/answers.js',
      './client': './browser/connect.js',
      './react': './react/hooks.js',
    },
  });
});
afterEach(() => consumer.stopPrograms());
afterAll(() => consumer.remove());

const checks: Record<string, Check> = {
  'See it run 1': {
    async run(code) {
      checkCommands(code, ['npm ci', 'npm start']);
      const [, file] = /^node (example-app\/\S+)$/.exec(scripts.start) as unknown as string[];
      consumer.copy('example-app');
      const origin = await consumer.runFile(file as string).origin();
      says('Open http://localhost:3000 in');

      const page = await fetch(origin);
      expect(page.headers.get('content-type')).toMatch(/^text\/html/);
      const stream = await StreamReader.open(`${origin}/stream`);
      await stream.received(1);
    },
  },

  'See it run 2': {
    async run(code) {
      checkCommands(code, ['npm ci', 'npm test']);
    },
  },

  'Install 1': {
    async run(code) {
      expect(code).toBe(`npm install ${manifest.name}\n`);
      expect(manifest).not.toHaveProperty('dependencies');
      expect(Object.keys(manifest.exports['.'])).toEqual(['import', 'require']);
      says(
        `Node 22 and newer (Node ${manifest.engines.node.replace('>=', '')} works, and is tested)`,
      );
    },
  },

  'express-sse-hub 1': {
    before: APP + IMPORT,
    after: SEND_ON_REQUEST + LISTEN,
    async run(code) {
      says("`stream.hub.sendEvent('apples', { count: 42 })` reaches every client");
      await sendsApplesOn(code, '/send');
    },
  },

  'A whole app 1': {
    async run(code) {
      await sendsApplesOn(code, '/apples');
      await sendsApplesOn(code.replace("from 'express'", "from 'express4'"), '/apples');
    },
  },

  'A whole app 2': {
    async run(code) {
      const origin = await consumer.runServer(exampleCode('A whole app 1')).origin();
      await prints(code, origin, async (curl) => {
        await curl.prints('.0\n\n');
        await post(`${origin}/apples`);
      });
    },
  },

  'A whole app 3': {
    async run(code) {
      const origin = await consumer.runServer(exampleCode('A whole app 1')).origin();
      await prints(code, origin);
    },
  },

  'In the browser 1': {
    async run(code) {
      const stream = sse({ history: false });
      const page = consumer.runInPage(code, await serve(stream));
      while (stream.hub.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await stream.hub.sendEvent('apples', { count: 42 });
      await page.prints('title: 42 apples\n');
      await stream.hub.send('hello');
      await page.prints('hello\n');
      await stream.hub.sendEvent('gap', { reason: 'trimmed', missed: 1 });
      await page.prints('reload\n');
    },
  },

  'Outside of a request 1': {
    before: APP + STREAM,
    after: ROUTE + LISTEN,
    async run(code) {
      const [event] = await (await openStream(code)).received(1);
      expect(event).toMatchObject({ type: 'message', data: 'tick' });
    },
  },

  'Rooms 1': {
    before: `
      ${APP}
      ${IMPORT}
      const findUser = async (req: Request) => {
        if (req.query.user === undefined) throw new Error('who is it?');
        return { id: req.query.user, teams: req.query.user === '8' ? ['bar', 'kitchen'] : [] };
      };
    `,
    after: LISTEN,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const [guest, cook] = [
        await StreamReader.open(`${origin}/stream?user=7`),
        await StreamReader.open(`${origin}/stream?user=8`),
      ];
      expect((await fetch(`${origin}/stream`)).status).toBe(500);
      await post(`${origin}/orders`);
      await post(`${origin}/orders`);
      const types = async (reader: StreamReader) =>
        (await reader.received(2)).map(({ type }) => type);
      expect(await types(guest)).toEqual(['notice', 'notice']);
      expect(await types(cook)).toEqual(['order', 'order']);
    },
  },

  'Each room has a history 1': {
    before: APP + IMPORT,
    after: ROUTE + LISTEN,
    async run(code) {
      await consumer.runServer(code).origin();
    },
  },

  'For those who are there, and not for all of them 1': {
    before: `
      ${APP}
      ${IMPORT}
      import type { Client } from 'express-sse-hub';
      const stream = sse({ rooms: ['kitchen'] });
      app.get('/stream', stream);
      const arrived = async () => {
        while (stream.hub.size < 2) await new Promise((resolve) => setTimeout(resolve, 5));
        return stream.hub.clients.values().next().value as Client;
      };
      ${LISTEN}
      const client = await arrived();
    `,
    after: `
      await stream.hub.send('last');
    `,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const ada = await StreamReader.open(`${origin}/stream`);
      const ben = await StreamReader.open(`${origin}/stream`);
      await ben.received(2);
      await ada.received(1);
      expect(ben.data).toEqual(['Ada', 'last']);
      expect(ada.data).toEqual(['last']);
    },
  },

  'Where a stream starts 1': {
    before: APP + IMPORT,
    after: `
      await news.hub.send('old');
      await prices.hub.send('1', { conflate: 'soup' });
      await prices.hub.send('2', { conflate: 'soup' });
      await audit.hub.send('all');
      ${LISTEN}
    `,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const first = async (path: string) =>
        (await (await StreamReader.open(`${origin}/${path}`)).received(1)).map(({ data }) => data);
      expect(await first('news')).toEqual(['old']);
      expect(await first('prices')).toEqual(['2']);
      expect(await first('audit?all')).toEqual(['all']);
    },
  },

  'The present state, before all events 1': {
    before: `
      ${APP}
      ${IMPORT}
      const database = { openOrders: async () => ['soup'] };
    `,
    after: LISTEN,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const [event] = await (await StreamReader.open(`${origin}/stream`)).received(1);
      expect(event).toMatchObject({ type: 'orders', data: '["soup"]' });
    },
  },

  'Who a client is 1': {
    before: `
      ${APP}
      ${IMPORT}
      const findName = async (user: unknown) => 'Ada ' + user;
    `,
    after: LISTEN,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      await StreamReader.open(`${origin}/stream?user=7`);
      const online = async () => (await (await fetch(`${origin}/online`)).json()) as object[];
      while ((await online()).length === 0);
      const [client] = await online();
      expect(client).toMatchObject({ name: 'Ada 7', resumed: false });
    },
  },

  'A chat room 1': {
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const say = (path: string, body: object) =>
        fetch(`${origin}/chat/kitchen${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        });
      for (let count = 1; count <= 25; count++) await say('', { name: 'Ada', text: count });
      const late = await StreamReader.open(`${origin}/chat?room=kitchen`);
      await late.received(20);
      await say('/typing', { name: 'Ada' });
      await late.received(21);
      const texts = late.data.slice(0, 20).map((data) => JSON.parse(data).text);
      expect(texts).toEqual(Array.from({ length: 20 }, (_, index) => index + 6));
      expect(late.events.at(-1)).toMatchObject({ type: 'typing', data: 'Ada' });
      const lines = code.split("app.post('/chat/:room/typing")[0] as string;
      // The chat of twenty messages, who types aside.
      expect(lines.split('\n').filter((line) => line !== '').length).toBeLessThanOrEqual(15);
    },
  },

  'A chat room 2': {
    async run(code) {
      const chat = sse({ history: false });
      const page = consumer.runInPage(code, await serve(chat));
      while (chat.hub.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      await chat.hub.sendEvent('message-posted', { name: 'Ada', text: 'soup!' });
      await page.prints('Ada: soup!\n');
      await chat.hub.sendEvent('typing', 'Ben');
      await page.prints('Ben is typing\n');
      await chat.hub.sendEvent('gap', {});
      await page.prints('some messages are gone\n');
    },
  },

  'The progress of a job 1': {
    after: `
      const step = async () => {};
      await run('7', [step, step]);
    `,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const late = await StreamReader.open(`${origin}/jobs/7`);
      const [event] = await late.received(1);
      expect(event).toMatchObject({ type: 'finished', data: '{"file":"/files/7"}' });
    },
  },

  'An order board over REST 1': {
    before: `
      const orders = new Map<string, object>([['7', { id: '7', state: 'open' }]]);
      const database = {
        openOrders: async () => [...orders.values()],
        save: async (id: string, order: object) => {
          orders.set(id, { id, ...order });
          return orders.get(id);
        },
      };
    `,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const put = (state: string) =>
        fetch(`${origin}/orders/7`, {
          method: 'PUT',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ state }),
        });
      await put('cooking');
      const answer = await (await fetch(`${origin}/orders`)).json();
      const { position, orders } = answer as { position: string; orders: object[] };
      expect(orders).toEqual([{ id: '7', state: 'cooking' }]);
      await put('ready');
      const page = await StreamReader.open(`${origin}/orders/stream?lastEventId=${position}`);
      const [event] = await page.received(1);
      expect(event).toMatchObject({ data: '{"id":"7","state":"ready"}' });

      const board = consumer.runInPage(exampleCode('An order board over REST 2'), origin);
      for (const end = Date.now() + 10_000; Date.now() < end && board.output === ''; ) {
        await put('served');
      }
      expect(board.output).toContain('1 orders, 7 is served');
    },
  },

  'An order board over REST 2': {
    async run() {
      // Beside the server, with the block before.
    },
  },

  'Listening on the server 1': {
    before: STREAM,
    after: `
      await stream.hub.send('soup');
      await stream.hub.to('kitchen').send('bread');
    `,
    async run(code) {
      const program = consumer.runServer(code);
      await program.prints("message bread [ 'kitchen' ]");
    },
  },

  'The history of each room 1': {
    engine: 'redis',
    after: `
      import { createHub } from 'express-sse-hub';
      const hub = createHub({ log });
      console.log(await hub.to('a').send('soup'));
      await hub.close();
    `,
    async run(code) {
      await consumer.runServer(code.replace('redis://redis:6379', redis.url)).end();
    },
  },

  'One client alone 1': {
    before: APP + IMPORT,
    after: LISTEN,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const first = await StreamReader.open(`${origin}/stream`);
      await first.received(1);
      await post(`${origin}/orders/bread`);
      const second = await StreamReader.open(`${origin}/stream`);
      await second.received(1);
      await post(`${origin}/orders/wine`);
      await first.received(3);
      await second.received(2);
      expect(first.data).toEqual(['["soup"]', 'bread', 'wine']);
      expect(second.data).toEqual(['["soup","bread"]', 'wine']);
    },
  },

  'One client alone 2': {
    before: `
      ${APP}
      ${IMPORT}
      const stream = sse();
      app.get('/stream/:user', (req, res) => {
        stream.hub.open(req, res, { rooms: ['user:' + req.params.user] });
      });
      app.use((_req, res, next) => {
        res.locals.user = 'ann';
        next();
      });
    `,
    after: SEND_ON_REQUEST + LISTEN,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const ann = await StreamReader.open(`${origin}/stream/ann`);
      const bob = await StreamReader.open(`${origin}/stream/bob`);
      await post(`${origin}/logout`);
      await ann.end();
      await post(`${origin}/send`);
      await bob.received(1);
      expect(ann.events).toEqual([]);
    },
  },

  'Several hubs, several routes 1': {
    before: `
      import express, { type RequestHandler } from 'express';
      const app = express();
      const requireLogin: RequestHandler = (req, res, next) => {
        if (req.headers.authorization) next();
        else res.sendStatus(401);
      };
    `,
    after: `
      await news.sendEvent('headline', 'The soup is out');
      ${LISTEN}
    `,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      expect((await fetch(`${origin}/orders`)).status).toBe(401);

      const orders = await StreamReader.open(`${origin}/orders?lastEventId=other.0`, {
        headers: { authorization: 'yes' },
      });
      const [, order] = await orders.received(2);
      expect(order).toMatchObject({ type: 'order', data: '{"table":7,"dish":"soup"}' });

      const news = await StreamReader.open(`${origin}/news?lastEventId=other.0`);
      const [, headline] = await news.received(2);
      expect(headline).toMatchObject({ type: 'headline', data: 'The soup is out' });
    },
  },

  'Typed events 1': {
    before: APP + IMPORT,
    after: ROUTE + LISTEN,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const reader = await StreamReader.open(`${origin}/stream?lastEventId=other.0`);
      const [, ...events] = await reader.received(5);
      expect(events.map(({ type, data }) => [type, data])).toEqual([
        ['order', '{"id":"A-17","total":12.5}'],
        ['tick', '1'],
        ['ordr', '{"id":"A-18","total":9}'],
        ['tick', 'tock'],
      ]);
    },
  },

  'What a send waits for 1': {
    before: APP + STREAM + ROUTE + LISTEN + AFTER_FIRST_CLIENT,
    async run(code) {
      const [event] = await (await openStream(code)).received(1);
      expect(event).toMatchObject({ type: 'apples', data: '{"count":42}' });
    },
  },

  'Only the latest value per key 1': {
    before: `
      ${APP}
      ${STREAM}
      ${ROUTE}
      ${LISTEN}
      const send = (cents: number) =>
        stream.hub.sendEvent('price', { of: 'apples', cents }, { conflate: 'apples' });
      console.log(await send(40));
      await send(41);
    `,
    after: `console.log('sent');`,
    async run(code) {
      const program = consumer.runServer(code);
      const origin = await program.origin();
      await program.prints('sent\n');
      const id = program.output.split('\n')[0] as string;
      const reader = await StreamReader.open(`${origin}/stream?lastEventId=${id}`);
      const [event] = await reader.received(1);
      expect(event).toMatchObject({ type: 'price', data: '{"of":"apples","cents":42}' });
    },
  },

  'Order, ids and reconnects 1': {
    before: APP + IMPORT,
    after: ROUTE + LISTEN,
    async run(code) {
      const reader = await openStream(code);
      await reader.until(({ notices }) => notices.length === 1);
      expect(reader.notices[0]?.id).toMatch(/\.0$/);
    },
  },

  'Gaps 1': {
    async run(code) {
      const program = consumer.runServer(`
        ${APP}
        ${IMPORT}
        const stream = sse({ history: { events: 1 } });
        ${ROUTE}
        ${LISTEN}
        for (let i = 0; i < 4; i++) console.log(await stream.hub.sendEvent('apples', { count: 42 }));
      `);
      const origin = await program.origin();
      await program.prints('.4\n');
      const [epoch] = program.output.split('.');
      const [, exampleEpoch] = /Last-Event-ID: (\S+)\.1'/.exec(code) as unknown as string[];
      await prints(code.replaceAll(exampleEpoch as string, epoch as string), origin);
    },
  },

  'Limits 1': {
    before: APP + IMPORT,
    after: LISTEN,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const admitted = [];
      for (const address of [...Array(7).fill('192.0.2.1'), '192.0.2.2']) {
        const headers = { 'x-forwarded-for': address };
        admitted.push(await isAdmitted(`${origin}/stream`, headers));
      }
      expect(admitted).toEqual([...Array(6).fill(true), false, true]);
    },
  },

  'Limits 2': {
    before: `
      import express, { type RequestHandler } from 'express';
      ${IMPORT}
      const app = express();
      const requireLogin: RequestHandler = (_req, _res, next) => next();
    `,
    after: LISTEN,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const admitted = [];
      for (const authorization of ['ann', 'ann', 'ann', 'ann', 'bob']) {
        const headers = { authorization };
        admitted.push(await isAdmitted(`${origin}/orders`, headers));
      }
      expect(admitted).toEqual([true, true, true, false, true]);
    },
  },

  'Proxies and compression 1': {
    before: APP + STREAM,
    after: `
      ${SEND_ON_REQUEST}
      app.get('/text', (_req, res) => {
        res.send('all the same '.repeat(1000));
      });
      ${LISTEN}
    `,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const text = await fetch(`${origin}/text`);
      expect(text.headers.get('content-encoding')).not.toBeNull();

      const reader = await StreamReader.open(`${origin}/stream`, {
        headers: { 'accept-encoding': 'gzip, deflate, br' },
      });
      await post(`${origin}/send`);
      const [event] = await reader.received(1);
      expect(event).toMatchObject({ type: 'apples' });
      expect(reader.response.headers).not.toHaveProperty('content-encoding');
      says(`X-Accel-Buffering: ${reader.response.headers['x-accel-buffering']}`);
      says(`Cache-Control: ${reader.response.headers['cache-control']}`);
    },
  },

  'Proxies and compression 2': {
    async run(code) {
      const lines = code.trim().split('\n');
      expect(lines[0]).toBe('location /stream {');
      expect(lines.at(-1)).toBe('}');
      const directives = lines
        .slice(1, -1)
        .map((line) => /^ {4}(\w+) ([^;]+);$/.exec(line)?.slice(1));
      expect(directives).toEqual([
        ['proxy_pass', 'http://127.0.0.1:3000'],
        ['proxy_http_version', '1.1'],
        ['proxy_set_header', 'Connection ""'],
        ['proxy_set_header', 'X-Forwarded-For $proxy_add_x_forwarded_for'],
        ['proxy_read_timeout', '60s'],
      ]);
      expect(readHubOptions({}).keepAlive).toBeLessThan(60_000);
    },
  },

  'Other frameworks 1': {
    before: STREAM,
    after: SEND_OFTEN,
    async run(code) {
      await ticks(await consumer.runServer(code).origin());
    },
  },

  'Other frameworks 2': {
    before: STREAM,
    after: SEND_OFTEN,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      await ticks(`${origin}/stream`);
      expect((await fetch(origin)).status).toBe(404);
    },
  },

  'Other frameworks 3': {
    before: STREAM,
    after: SEND_OFTEN,
    async run(code) {
      const { key, cert } = makeCertificate();
      consumer.write('key.pem', key);
      consumer.write('cert.pem', cert);
      const { port } = new URL(await consumer.runServer(code).origin());

      const session = connectHttp2(`https://localhost:${port}`, { ca: cert, host: '127.0.0.1' });
      const stream = session.request({ ':path': '/stream' }).setEncoding('utf8');
      let text = '';
      for await (const chunk of stream) {
        text += chunk;
        if (text.includes('data: tick\n')) break;
      }
      expect(session.alpnProtocol).toBe('h2');
      session.destroy();

      // allowHTTP1: those that don't speak HTTP/2 are served as well.
      await new Promise<void>((resolve, reject) => {
        const options = {
          host: '127.0.0.1',
          servername: 'localhost',
          port,
          ca: cert,
          agent: false,
        };
        const req = getHttps(options, (res) => {
          expect(res.httpVersion).toBe('1.1');
          res.once('data', () => {
            res.destroy();
            resolve();
          });
        });
        req.on('error', reject);
      });
    },
  },

  'One client alone 3': {
    before: `
      import session, { MemoryStore } from 'express-session';
      import type { RequestHandler } from 'express';
      ${APP}
      ${STREAM}
      const store = new MemoryStore();
      app.get('/sessions', (_req, res) => {
        store.all?.((_error, all) => res.json(Object.keys(all ?? {}).length));
      });
      app.use(session({ secret: 'x', store, resave: true, saveUninitialized: true }));
      const requireLogin: RequestHandler = (_req, _res, next) => next();
      app.get('/login', (_req, res) => res.end());
    `,
    after: `
      app.post('/logout', (req, res) => {
        req.session.destroy(() => {
          stream.hub.leaveAll();
          res.end();
        });
      });
      ${LISTEN}
    `,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const login = await fetch(`${origin}/login`);
      const headers = { cookie: String(login.headers.get('set-cookie')).split(';')[0] as string };
      const reader = await StreamReader.open(`${origin}/stream`, { headers });
      await fetch(`${origin}/logout`, { method: 'POST', headers });
      await reader.end();
      expect(await (await fetch(`${origin}/sessions`)).json()).toBe(0);
    },
  },

  'Express 4 1': {
    before: `
      ${STREAM}
      const app = express();
    `,
    after: `
      await stream.hub.close();
      ${LISTEN}
    `,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      expect((await fetch(`${origin}/apples`, { method: 'POST' })).status).toBe(503);
    },
  },

  'A framework with replies of its own 1': {
    before: `
      import { createHub } from 'express-sse-hub';
      const hub = createHub();
      setInterval(() => hub.to('kitchen').send('tick'), 20);
    `,
    after: `
      await app.ready();
      app.server.listen(3000);
    `,
    async run(code) {
      await ticks(`${await consumer.runServer(code).origin()}/stream`);
    },
  },

  'Shutting down 2': {
    before: STREAM,
    async run(code) {
      const { key, cert } = makeCertificate();
      consumer.write('key.pem', key);
      consumer.write('cert.pem', cert);
      const program = consumer.runServer(code);
      const { port } = new URL(await program.origin());
      const session = connectHttp2(`https://localhost:${port}`, { ca: cert, host: '127.0.0.1' });
      session.on('error', () => {});
      const stream = session.request({ ':path': '/' }).setEncoding('utf8');
      await once(stream, 'data');
      stream.resume();
      program.child.kill('SIGTERM');
      await once(stream, 'close');
      await program.end();
    },
  },

  'Shutting down 1': {
    before: APP + STREAM + ROUTE + SEND_ON_REQUEST,
    async run(code) {
      const program = consumer.runServer(code);
      const origin = await program.origin();
      const reader = await StreamReader.open(`${origin}/stream`);
      await post(`${origin}/send`);
      program.child.kill('SIGTERM');
      await reader.end();
      expect(reader.events).toMatchObject([{ type: 'apples', data: '{"count":42}' }]);
      const [, retry] = /retry: (\d+)\n\n$/.exec(reader.text) as unknown as string[];
      expect(Number(retry)).toBeGreaterThanOrEqual(3000);
      expect(Number(retry)).toBeLessThanOrEqual(6000);
      await program.end();
    },
  },

  'When all is delivered 1': {
    before: APP + STREAM + ROUTE + LISTEN + AFTER_FIRST_CLIENT,
    after: `console.log(stream.hub.stats().delivered);`,
    async run(code) {
      const program = consumer.runServer(code);
      const reader = await StreamReader.open(`${await program.origin()}/stream`);
      await reader.received(1);
      await program.prints('1\n');
    },
  },

  'Figures 1': {
    before: APP + STREAM + ROUTE,
    after: LISTEN,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      await (await StreamReader.open(`${origin}/stream`)).until(({ text }) => text !== '');
      expect(await (await fetch(`${origin}/healthz`)).json()).toMatchObject({
        connected: 1,
        accepted: 0,
      });
    },
  },

  'A client that reads 1': {
    before: APP + STREAM + ROUTE,
    async run(code) {
      // The preload gives each server a port of its own, and expects the one of the examples.
      const program = consumer.runServer(code.replace('app.listen(0)', 'app.listen(3000)'));
      await program.end();
      expect(program.output).toBe('{"count":42}\n');
    },
  },

  'The head 1': {
    async run(code) {
      const { response } = await StreamReader.open(await serve(sse()));
      const [status, ...headers] = code.trim().split('\n');
      expect(status).toBe(`HTTP/1.1 ${response.statusCode} ${response.statusMessage}`);
      const told = headers.map((line) =>
        line
          .toLowerCase()
          .split(/: (.+)/)
          .slice(0, 2),
      );
      expect(response.headers).toMatchObject(Object.fromEntries(told));
    },
  },

  'Errors 1': {
    before: `${STREAM} await stream.hub.close();`,
    async run(code) {
      const program = consumer.runServer(code);
      await program.end();
      expect(program.output).toBe('too late\n');
    },
  },

  'The client for pages 1': {
    async run(code) {
      const server = consumer.runServer(`
        ${APP + IMPORT}
        app.get('/token', (_req, res) => res.send('secret'));
        const stream = sse({
          onConnect: (client, req) => {
            console.log(req.headers.authorization);
            client.sendEvent('order', { id: 7 });
          },
        });
        ${ROUTE + LISTEN}
      `);
      const page = consumer.runInPage(code, await server.origin());
      await page.prints('replaying\nlive\norder { id: 7 }\n');
      await server.prints('Bearer secret\n');
    },
  },

  'What any client can use 1': {
    async run(code) {
      const server = consumer.runServer(`
        ${APP + IMPORT}
        const stream = sse({ liveEvent: 'live', keepAlive: 1000 });
        ${ROUTE + LISTEN}
      `);
      await prints(code, await server.origin(), (curl) =>
        curl.prints('event: heartbeat\ndata: {}\n'),
      );
    },
  },

  'One connection for all tabs 1': {},

  'One connection for all tabs 2': {
    before: `
      ${APP + IMPORT}
      const sessions = { end: async (req: express.Request) => String(req.query.user) };
      const orders = sse({ rooms: (req) => [\`user:\${req.query.user}\`] });
      app.get('/orders', orders);
    `,
    after: LISTEN,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const reader = await StreamReader.open(`${origin}/orders?user=ann`);
      expect((await fetch(`${origin}/logout?user=ann`, { method: 'POST' })).status).toBe(204);
      expect(await reader.received(1)).toMatchObject([{ type: 'logout' }]);
    },
  },

  'With React 1': { before: ORDERS },
  'With Vue 1': { before: ORDERS },
  'With Svelte 1': { before: ORDERS },
  'With nothing else 1': {},

  "A model's answer 1": {
    before: MODEL,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const first = await startAnswer(origin);
      const reader = await StreamReader.open(`${origin}/answers/${first}`);
      await reader.end();
      expect(reader.events.map(({ type, data }) => [type, data])).toEqual([
        ['message', 'twolines'],
        ['done', '{}'],
      ]);
      const failed = await StreamReader.open(`${origin}/answers/${await startAnswer(origin)}`);
      await failed.end();
      expect(failed.events.at(-1)).toMatchObject({ type: 'failed', data: '{"reason":"error"}' });
      const endless = await startAnswer(origin);
      const stopped = await StreamReader.open(`${origin}/answers/${endless}`);
      await stopped.received(2);
      const stop = await fetch(`${origin}/answers/${endless}/stop`, { method: 'POST' });
      expect(await stop.json()).toEqual({ status: 'stopped' });
      await stopped.end();
      expect(stopped.events.at(-1)?.type).toBe('stopped');
    },
  },

  "A model's answer 2": {
    async run(code) {
      const server = consumer.runServer(exampleCode("A model's answer 1"));
      const origin = await server.origin();
      await consumer.runInPage(code, origin).prints('append: twolines\ndone\n');
      await consumer.runInPage(code, origin).prints('append: twolines\nerror\n');
      await server.prints('asked What is an event stream?\n');
    },
  },

  'In several processes 1': {
    engine: 'redis',
    after: `
      const answer = await answers.start('kept');
      await answer.sendFrom(['one ', 'two']);
      await answers.close();
      const later = createAnswers({
        log: redisLog(createClient({ url: 'redis://redis:6379' }), { prefix: 'answers' }),
      });
      for await (const { type, data } of later.read('kept')) console.log(type, data);
      await later.close();
    `,
    async run(code) {
      const program = consumer.runServer(code.replaceAll('redis://redis:6379', redis.url));
      await program.end();
      expect(program.output).toBe('message one two\ndone {}\n');
    },
  },

  'The AI SDK 1': {
    before: `
      ${APP}
      import { convertToModelMessages, streamText } from 'ai';
      import { MockLanguageModelV3, simulateReadableStream } from 'ai/test';
      import { createAnswers } from 'express-sse-hub/answers';
      const usage = {
        inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
        outputTokens: { total: 1, text: 1, reasoning: 0 },
      };
      const model = new MockLanguageModelV3({
        doStream: async () => ({
          stream: simulateReadableStream({
            chunks: [
              { type: 'text-start', id: 't' },
              { type: 'text-delta', id: 't', delta: 'Hello' },
              { type: 'text-end', id: 't' },
              { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage },
            ],
          }),
        }),
      });
    `,
    after: LISTEN,
    async run(code) {
      const origin = await consumer.runServer(code).origin();
      const message = { id: '1', role: 'user', parts: [{ type: 'text', text: 'Hi' }] };
      const response = await fetch(`${origin}/api/chat`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ id: 'chat', messages: [message] }),
      });
      expect(response.headers.get('x-vercel-ai-ui-message-stream')).toBe('v1');
      const text = await response.text();
      expect(text).toContain('data: {"type":"text-delta","id":"t","delta":"Hello"}\n');
      expect(text).toMatch(/data: \[DONE\]\nid: .*\n\n$/);
      expect((await fetch(`${origin}/api/chat/chat/stream`)).status).toBe(204);
      const stop = await fetch(`${origin}/api/chat/chat/stop`, { method: 'POST' });
      expect(stop.status).toBe(204);
    },
  },

  'Other sources 1': {
    before: `
      import { createServer } from 'node:http';
      import type { AddressInfo } from 'node:net';
      import { createAnswers } from 'express-sse-hub/answers';
      const answers = createAnswers();
      const model = createServer((_req, res) => res.end('grüße')).listen(3000);
      await new Promise((resolve) => model.once('listening', resolve));
      const { port } = model.address() as AddressInfo;
      const { fetch: realFetch } = globalThis;
      globalThis.fetch = (_url, init) => realFetch(\`http://127.0.0.1:\${port}\`, init);
      const chain = {
        async stream(_input: object, _options: { signal: AbortSignal }) {
          return (async function* () {
            yield* ['a ', 'chain'];
          })();
        },
      };
    `,
    after: `
      for (const answerWith of [answerWithChain, answerWithFetch]) {
        const id = await answerWith('x');
        for await (const { type, data } of answers.read(id)) console.log(type, data);
      }
      model.close();
    `,
    async run(code) {
      const program = consumer.runServer(code);
      await program.end();
      expect(program.output).toBe('message a chain\ndone {}\nmessage grüße\ndone {}\n');
    },
  },

  'The server 1': {
    before: MODEL,
    async run(code) {
      const program = consumer.runServer(code);
      const url = `${await program.origin()}/answer`;
      expect((await fetch(url, { method: 'POST' })).status).toBe(500);
      const outcomes = [];
      for (let count = 0; count < 2; count++) {
        const reader = await ask(url);
        await reader.end();
        outcomes.push(reader.events.map(({ type }) => type));
      }
      expect(outcomes).toEqual([
        ['token', 'token', 'done'],
        ['token', 'token', 'failed'],
      ]);
    },
  },

  'The page 1': {
    async run(code) {
      const server = consumer.runServer(exampleCode('The server 1'));
      const origin = await server.origin();
      for (const outcome of ['done', 'failed']) {
        const page = consumer.runInPage(code, origin);
        await page.prints(`append: two\nappend: lines\n${outcome}\n`);
      }
      await server.prints('asked What is an event stream?\n');

      const page = consumer.runInPage(code, origin);
      await page.prints('append: more\n');
      page.child.send('Escape');
      await page.prints('cut off\n');
      await server.prints('stopped 3\n');
    },
  },

  'With Redis 1': {
    async run(code) {
      checkInstalls(code, exampleCode('With Redis 2'));
    },
  },

  'With Redis 2': {
    engine: 'redis',
    before: APP,
    after: ROUTE + SEND_ON_REQUEST + LISTEN,
    async run(code) {
      await reachesAllNodes(code.replace('redis://redis:6379', redis.url));
    },
  },

  'With Redis 3': {
    engine: 'redis',
    before: APP,
    after: ROUTE + SEND_ON_REQUEST + LISTEN,
    async run(code) {
      await reachesAllNodes(code.replace('redis://redis:6379', redis.url));
    },
  },

  'With NATS 1': {
    async run(code) {
      checkInstalls(code, exampleCode('With NATS 2'));
    },
  },

  'With NATS 2': {
    engine: 'nats',
    before: APP,
    after: ROUTE + SEND_ON_REQUEST + LISTEN,
    async run(code) {
      await reachesAllNodes(code.replace('nats://nats:4222', nats.url));
    },
  },

  'Several logs, and programs without a route 1': {
    engine: 'redis',
    before: APP,
    after: `
      console.log(await news.send('The soup is out'));
      console.log(await orders.send('soup'));
      ${LISTEN}
    `,
    async run(code) {
      const program = consumer.runServer(code.replace('redis://redis:6379', redis.url));
      const origin = await program.origin();
      for (const [index, path] of ['/news', '/orders'].entries()) {
        const id = program.output.split('\n')[index] as string;
        expect(id).toMatch(/\.1$/);
        const before = id.replace('.1', '.0');
        const reader = await StreamReader.open(`${origin}${path}?lastEventId=${before}`);
        const [event] = await reader.received(1);
        expect(event).toMatchObject({ data: ['The soup is out', 'soup'][index] });
      }
    },
  },

  'Several logs, and programs without a route 2': {
    engine: 'redis',
    async run(code) {
      const reader = await StreamReader.open(
        await consumer
          .runServer(`
            import { createServer } from 'node:http';
            import { createClient } from 'redis';
            import { sse } from 'express-sse-hub';
            import { redisLog } from 'express-sse-hub/redis';
            const log = redisLog(createClient({ url: '${redis.url}' }), { prefix: 'orders' });
            createServer(sse({ log, rooms: ['kitchen'] })).listen(3000);
          `)
          .origin(),
      );
      await consumer.runServer(code.replace('redis://redis:6379', redis.url)).end();
      const [event] = await reader.received(1);
      expect(event).toMatchObject({ type: 'order', data: '{"table":7,"dish":"soup"}' });
    },
  },

  'How much to keep 1': {
    engine: 'redis',
    before: APP,
    after: ROUTE + SEND_ON_REQUEST + LISTEN,
    async run(code) {
      await reachesAllNodes(code.replace('redis://redis:6379', redis.url));
    },
  },

  'In production 1': {
    engine: 'redis',
    async run(code) {
      checkYaml(code);
      const settings = [...code.matchAll(/ --(\S+) (\S+)/g)].map((match) => match.slice(1));
      expect(settings).toContainEqual(['maxmemory-policy', 'noeviction']);
      for (const setting of settings) {
        await expect(redis.command('CONFIG', 'SET', ...setting)).resolves.toBe('OK');
      }
    },
  },

  'In production 2': {
    async run(code) {
      const opened = code.match(/\{$/gm)?.length;
      expect(code.match(/^ *\}$/gm)).toHaveLength(opened as number);
      const directives = code.split('\n').filter((line) => /\S/.test(line) && !/[{}]$/.test(line));
      expect(directives.filter((line) => !/^ +\w.*;$/.test(line))).toEqual([]);
    },
  },

  'In production 3': {
    async run(code) {
      checkYaml(code);
      const names = [...code.matchAll(/-n (\S+)/g)].map(([, name]) => name as string);
      const routes = [...code.matchAll(/--routes (\S+)/g)].map(([, list]) => list?.split(','));
      expect(routes).toEqual(
        names.map((own) =>
          names.filter((name) => name !== own).map((name) => `nats://${name}:6222`),
        ),
      );
    },
  },

  'Clusters, sentinels and rights 1': {
    engine: 'redis',
    async run(code) {
      const [, line = ''] = /^\$ redis-cli (.+)$/m.exec(code) as unknown as string[];
      const [name = '', ...args] = line.replaceAll("'", '').split(' ');
      await redis.command(name, ...args);
      const url = redis.url.replace('//', '//sse:correct-horse@');
      for (const example of ['With Redis 2', 'With Redis 3']) {
        await reachesAllNodes(exampleCode(example).replace('redis://redis:6379', url));
      }
      const refusals = (await redis.command('ACL', 'LOG')) as string[][];
      // Their own names, which they try to tell Redis.
      expect(refusals.filter((entry) => !entry.some((part) => /^client/.test(part)))).toEqual([]);
    },
  },

  'A log of your own 1': {
    before: APP,
    after: ROUTE + SEND_ON_REQUEST + LISTEN,
    async run(code) {
      const first = consumer.runServer(code);
      const origin = await first.origin();
      const reader = await StreamReader.open(`${origin}/stream`);
      await post(`${origin}/send`);
      const [event] = await reader.received(1);
      await post(`${origin}/send`);
      await post(`${origin}/send`);
      first.child.kill('SIGKILL');

      const again = await consumer.runServer(code).origin();
      const back = await StreamReader.open(`${again}/stream?lastEventId=${event?.id}`);
      await post(`${again}/send`);
      const numbers = (await back.received(3)).map(({ id }) => id?.split('.')[1]);
      expect(numbers).toEqual(['2', '3', '4']);
    },
  },
};

test('every block has a check, and every check a block', () => {
  expect(blocks.map(({ name }) => name).sort()).toEqual(Object.keys(checks).sort());
});

describe('blocks that the compiler checks', () => {
  const server = new Map<string, string>();
  const page = new Map<string, string>([
    ['client.ts', `export * from './lib/browser/connect.js';`],
  ]);
  for (const block of blocks) {
    if (block.language === 'ts') server.set(`${block.name}.mts`, surrounded(block));
    if (block.language === 'js') page.set(`${block.name}.mts`, block.code);
  }
  let errors: Map<string, string[]>;
  beforeAll(() => {
    errors = new Map([
      ...typeErrors(server, { lib: ['es2023'], types: ['node'] }),
      ...typeErrors(page, { lib: ['es2023', 'dom', 'dom.iterable'], types: [] }),
    ]);
  });

  test.each([...server.keys(), ...page.keys()])('%s', (file) => {
    expect(errors.get(file)).toEqual([]);
  });
});

describe('blocks that run', () => {
  runBlocks(undefined);
});

describeWith(REDIS, 'blocks that run with Redis', (path) => {
  beforeEach(async () => {
    redis = redisServer(path);
    await redis.start();
  });
  afterEach(stopEngines);
  runBlocks('redis');
});

describeWith(NATS, 'blocks that run with NATS', (path) => {
  beforeEach(async () => {
    nats = natsServer(path);
    await nats.start();
  });
  afterEach(stopEngines);
  runBlocks('nats');
});

function runBlocks(engine: Check['engine']): void {
  test.each(blocks.filter(({ name }) => checks[name]?.run && checks[name].engine === engine))(
    '$name',
    async (block) => {
      await checkOf(block).run?.(surrounded(block), block);
    },
  );
}

test('every language has its place in these tests', () => {
  const languages = new Set(blocks.map((block) => block.language));
  expect(languages).toEqual(new Set(['sh', 'ts', 'js', 'console', 'nginx', 'yaml', 'http']));
});

/** What a check takes from the prose has to stand there. */
function says(text: string): void {
  if (!PROSE.includes(text)) throw new Error(`no page says: ${text}`);
}

function checkOf(block: Block): Check {
  const check = checks[block.name];
  if (check === undefined) throw new Error(`${block.name} has no check`);
  return check;
}

function surrounded(block: Block): string {
  const { before = '', after = '' } = checks[block.name] ?? {};
  return `${before}${block.code}${after}`;
}

function exampleCode(name: string): string {
  return surrounded(blocks.find((block) => block.name === name) as Block);
}

/** The command installs what the example imports, but for what the reader has already. */
function checkInstalls(command: string, example: string): void {
  const imported = [...example.matchAll(/from '(.+)'/g)].map((match) => match[1] as string);
  const packages = imported.filter((name) => !/^express/.test(name)).sort();
  expect(command).toBe(`npm install ${packages.join(' ')}\n`);
}

function checkCommands(code: string, commands: readonly string[]): void {
  expect(code).toBe(`${commands.join(' && ')}\n`);
  for (const command of commands) {
    if (command === 'npm ci') expect(existsSync(join(ROOT, 'package-lock.json'))).toBe(true);
    else expect(scripts).toHaveProperty(command.replace('npm ', ''));
  }
}

async function openStream(code: string): Promise<StreamReader> {
  return StreamReader.open(`${await consumer.runServer(code).origin()}/stream`);
}

async function post(url: string): Promise<void> {
  const response = await fetch(url, { method: 'POST' });
  expect(response.ok).toBe(true);
}

/** Asks, and gives the id of the answer. */
async function startAnswer(origin: string): Promise<string> {
  const response = await fetch(`${origin}/ask`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ question: 'What is an event stream?' }),
  });
  return ((await response.json()) as { id: string }).id;
}

/** Posts a question, and reads the answer as it comes. */
async function ask(url: string): Promise<StreamReader<Readable>> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: '{"question":"why"}' });
  expect(response.ok).toBe(true);
  return new StreamReader(Readable.fromWeb(response.body as ReadableStream));
}

/** Two clients get the event that a request to this path sends. */
async function sendsApplesOn(code: string, path: string): Promise<void> {
  const origin = await consumer.runServer(code).origin();
  const readers = [
    await StreamReader.open(`${origin}/stream`),
    await StreamReader.open(`${origin}/stream`),
  ];
  await post(`${origin}${path}`);
  for (const reader of readers) {
    const [event] = await reader.received(1);
    expect(event).toMatchObject({ type: 'apples', data: '{"count":42}' });
  }
}

/** What is sent on one node reaches a client of another, and one that comes from there. */
async function reachesAllNodes(code: string): Promise<void> {
  const [one, other] = await Promise.all([
    consumer.runServer(code).origin(),
    consumer.runServer(code).origin(),
  ]);
  const reader = await StreamReader.open(`${other}/stream`);
  await post(`${one}/send`);
  await post(`${one}/send`);
  const [first, second] = await reader.received(2);
  expect(first).toMatchObject({ type: 'apples', data: '{"count":42}' });
  const back = await StreamReader.open(`${one}/stream?lastEventId=${first?.id}`);
  expect((await back.received(1))[0]).toEqual(second);
}

/** Names with or without a value, and two spaces a step: there is no parser here. */
function checkYaml(code: string): void {
  const lines = code.split('\n').filter((line) => line !== '');
  expect(lines.filter((line) => !/^(?: {2})*[\w-]+:(?: \S.*)?$/.test(line))).toEqual([]);
  const steps = lines.map((line) => line.search(/\S/) / 2);
  steps.forEach((step, index) => {
    expect(step).toBeLessThanOrEqual((steps[index - 1] ?? -1) + 1);
  });
}

async function ticks(url: string): Promise<void> {
  const [event] = await (await StreamReader.open(url)).received(1);
  expect(event).toMatchObject({ type: 'message', data: 'tick' });
}

/** Whether the stream begins: one that rejects a client only says when to reconnect. */
async function isAdmitted(url: string, headers: Record<string, string>): Promise<boolean> {
  const reader = await StreamReader.open(url, { headers });
  await reader.until(({ text }) => text.includes('\n\n'));
  return reader.notices.length === 1;
}

/** The command prints what the block shows, epochs aside. `meanwhile` happens while it runs. */
async function prints(
  code: string,
  origin: string,
  meanwhile: (curl: Program) => Promise<void> = async () => {},
): Promise<void> {
  const [, line, shown] = /^\$ curl (.+)\n([\s\S]*)\n$/.exec(code) as unknown as [
    string,
    string,
    string,
  ];
  const args = line.match(/'[^']*'|\S+/g)?.map((argument) => argument.replace(/^'|'$/g, '')) ?? [];
  const curl = consumer.runCurl(
    args.map((argument) => argument.replace('http://localhost:3000', origin)),
  );
  await meanwhile(curl);
  const [lastLine = ''] = shown.split('\n').slice(-1);
  await curl.prints(lastLine.replace(/^id: [\w-]+/, ''));
  const withoutEpochs = (text: string) => text.trim().replace(/^id: [\w-]+\./gm, 'id: epoch.');
  expect(withoutEpochs(curl.output)).toBe(withoutEpochs(shown));
}

/** The value of a cell of code; a cell without code has none. */
