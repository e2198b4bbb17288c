import { once } from 'node:events';
import { createServer, type OutgoingHttpHeaders, type RequestListener } from 'node:http';
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  createSecureServer as createSecureHttp2Server,
} from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { Server } from 'node:net';
import { text } from 'node:stream/consumers';
import connect from 'connect';
import { EventSource } from 'eventsource';
import express from 'express';
import request from 'supertest';
import { type Hub, type SseHandler, sse } from '../../lib/index.js';
import { makeCertificate } from '../support/certificate.js';
import { serve } from '../support/server.js';
import { dropLater, StreamReader } from '../support/stream-client.js';

// An alias of Express's last version 4, for which there are no types of that name.
const express4 = jest.requireActual<typeof express>('express4');

const certificate = makeCertificate();

const servers: [string, (stream: SseHandler) => RequestListener | Server][] = [
  ['Express 5', (stream) => express().get('/stream', stream)],
  ['Express 4', (stream) => express4().get('/stream', stream)],
  ['Connect', (stream) => connect().use('/stream', stream)],
  ['node:http', (stream) => createServer(stream)],
  ['node:https', (stream) => createHttpsServer(certificate, stream)],
  [
    'node:http2 with a client of HTTP/1.1',
    (stream) => createSecureHttp2Server({ ...certificate, allowHTTP1: true }, stream),
  ],
];

describe('a stream works under', () => {
  test.each(servers)('%s', async (_name, mount) => {
    const stream = sse();
    const url = await serve(mount(stream));
    const reader = await StreamReader.open(`${url}/stream`);

    await stream.hub.sendEvent('apples', { count: 42 });

    expect(await reader.received(1)).toMatchObject([{ type: 'apples', data: '{"count":42}' }]);
    stream.hub.leaveAll();
    await reader.end();
    expect(reader.response.complete).toBe(true);
    expect(stream.hub.size).toBe(0);
  });

  test.each<[string, (stream: SseHandler) => Server]>([
    ['node:http2', (stream) => createHttp2Server(stream)],
    ['node:http2 over TLS', (stream) => createSecureHttp2Server(certificate, stream)],
  ])('%s, many of them on one connection', async (_name, mount) => {
    const stream = sse();
    const url = await serve(mount(stream));
    const session = dropLater(connectHttp2(url, { rejectUnauthorized: false }));
    const open = () => new StreamReader(session.request({ ':path': '/stream' }));
    const readers = Array.from({ length: 20 }, open);
    for (const reader of readers) await reader.until(({ text }) => text.includes('id: '));
    const numbers = Array.from({ length: 100 }, (_, index) => String(index));
    const large = 'x'.repeat(1_000_000);

    for (const data of [...numbers, large]) await stream.hub.send(data);

    for (const reader of readers) {
      await reader.received(101);
      expect(reader.data.slice(0, 100)).toEqual(numbers);
      expect(reader.data[100] === large).toBe(true);
    }
    stream.hub.leaveAll();
    await Promise.all(readers.map((reader) => reader.end()));
    expect(stream.hub.size).toBe(0);
  });
});

test('over HTTP/2 clients are turned away as over HTTP/1.1', async () => {
  const stream = sse();
  const session = dropLater(connectHttp2(await serve(createHttp2Server(stream))));
  const answerTo = async (headers: OutgoingHttpHeaders) => {
    const answer = session.request({ ':path': '/', ...headers });
    const [head] = await once(answer, 'response');
    return [head[':status'], head['content-type'], await text(answer)];
  };

  const toHead = await answerTo({ ':method': 'HEAD' });
  const toJson = await answerTo({ accept: 'application/json' });
  await stream.hub.close({ final: true });
  const afterwards = await answerTo({});

  expect(toHead).toEqual([200, 'text/event-stream', '']);
  expect(toJson).toEqual([
    406,
    'text/plain; charset=utf-8',
    'This resource is served as text/event-stream only.\n',
  ]);
  expect(afterwards).toEqual([204, undefined, '']);
});

test.each([
  ['Express 5', express],
  ['Express 4', express4],
])('under %s EventSource gets events of all types, and their ids', async (_name, framework) => {
  const stream = sse();
  const url = await serve(framework().get('/stream', stream));
  const source = new EventSource(`${url}/stream`);
  dropLater({ destroy: () => source.close() });
  await new Promise((resolve) => {
    source.onopen = resolve;
  });
  const got: MessageEvent[] = [];
  source.onmessage = (event) => got.push(event);
  const last = new Promise<void>((resolve) => {
    source.addEventListener('apples', (event) => {
      got.push(event);
      resolve();
    });
  });

  const ids = [
    await stream.hub.send('two\nlines'),
    await stream.hub.send(),
    await stream.hub.sendEvent('apples', { count: 42 }),
  ];

  await last;
  expect(got.map(({ type, data, lastEventId }) => [type, data, lastEventId])).toEqual([
    ['message', 'two\nlines', ids[0]],
    ['message', '', ids[1]],
    ['apples', '{"count":42}', ids[2]],
  ]);
});

describe.each([
  ['Express 5', express],
  ['Express 4', express4],
])('under %s', (_name, framework) => {
  const sender: express.RequestHandler = (req, res, next) => {
    res.locals.stream
      .sendEvent('sent', req.originalUrl)
      .then(() => res.sendStatus(202))
      .catch(next);
  };

  test('res.locals.stream sends from a route, a router and a mounted app', async () => {
    const stream = sse();
    const app = framework();
    app.use(stream.locals());
    app.get('/stream', stream);
    app.post('/route', sender);
    app.use('/router', framework.Router().post('/inner', sender));
    app.use('/app', framework().post('/inner', sender));
    const url = await serve(app);
    const reader = await StreamReader.open(`${url}/stream`);

    for (const path of ['/route', '/router/inner', '/app/inner']) {
      await request(url).post(path).expect(202);
    }

    await reader.received(3);
    expect(reader.data).toEqual(['/route', '/router/inner', '/app/inner']);
  });

  test('a stream may stand in a router, in a mounted app, or behind app.use', async () => {
    const stream = sse();
    const app = framework();
    app.use('/router', framework.Router().get('/stream', stream));
    app.use('/app', framework().get('/stream', stream));
    app.use('/used', stream);
    const url = await serve(app);
    const readers = await Promise.all(
      ['/router/stream', '/app/stream', '/used'].map((path) => StreamReader.open(url + path)),
    );

    await stream.hub.send('to all');

    for (const reader of readers) await reader.received(1);
  });

  test('HEAD gets the head, and whoever wants no event stream gets 406', async () => {
    const stream = sse();
    const app = framework().get('/stream', stream);

    await request(app).head('/stream').expect(200).expect('Content-Type', 'text/event-stream');
    await request(app).get('/stream').set('Accept', 'text/html').expect(406);

    expect(stream.hub.size).toBe(0);
  });

  test('a response that cannot carry a stream goes to the error handling', async () => {
    const app = framework();
    app.get(
      '/stream',
      (_req, res, next) => {
        Object.defineProperty(res, 'flushHeaders', { value: undefined });
        next();
      },
      sse(),
    );
    const errors: unknown[] = [];
    app.use(((error, _req, _res, next) => {
      errors.push(error);
      next(error);
    }) satisfies express.ErrorRequestHandler);
    app.set('env', 'test');

    const response = await request(app).get('/stream');

    expect(response.status).toBe(501);
    expect(errors).toMatchObject([{ code: 'ERR_SSE_CANNOT_STREAM', status: 501 }]);
  });
});

test('under Connect, res.locals.stream sends from another middleware', async () => {
  const stream = sse();
  const app = connect();
  app.use(stream.locals());
  app.use('/stream', stream);
  app.use('/send', (_req, res) => {
    const { locals } = res as typeof res & { locals: { stream: Hub } };
    void locals.stream.send('hello').then(() => res.end());
  });
  const url = await serve(app);
  const reader = await StreamReader.open(`${url}/stream`);

  await request(url).get('/send').expect(200);

  await reader.received(1);
  expect(reader.data).toEqual(['hello']);
});
