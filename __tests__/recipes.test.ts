import { once } from 'node:events';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { connect as connectHttp2, createSecureServer } from 'node:http2';
import type { Server, Socket } from 'node:net';
import express, { type RequestHandler } from 'express';
import session, { MemoryStore } from 'express-session';
import fastify from 'fastify';
import { createHub, sse } from '../lib/index.js';
import { makeCertificate } from './support/certificate.js';
import { serve } from './support/server.js';
import { dropLater, fetchHead, StreamReader } from './support/stream-client.js';

const express4 = jest.requireActual<typeof express>('express4');

declare module 'express-session' {
  interface SessionData {
    user: string;
  }
}

describe('a logout with express-session', () => {
  /** An app whose users log in, open a stream and log out; `inFront` stands in front of the stream. */
  async function start(resave: boolean, ...inFront: RequestHandler[]) {
    const store = new MemoryStore();
    const stream = sse({ rooms: (_req) => ['user:ann'] });
    const app = express();
    app.use(session({ secret: 'x', store, resave, saveUninitialized: false }));
    app.post('/login', (req, res) => {
      req.session.user = 'ann';
      res.sendStatus(204);
    });
    app.get('/stream', ...inFront, stream);
    app.post('/logout', (req, res, next) => {
      req.session.destroy((error) => {
        if (error) return next(error);
        for (const client of stream.hub.clients.values()) {
          if (client.rooms.has('user:ann')) client.close();
        }
        res.sendStatus(204);
      });
    });
    const url = await serve(app);
    const login = await fetchHead(`${url}/login`, { method: 'POST' });
    const cookie = String(login.headers['set-cookie']).split(';')[0];
    const reader = await StreamReader.open(`${url}/stream`, { headers: { cookie } });
    await fetchHead(`${url}/logout`, { method: 'POST', headers: { cookie } });
    await reader.end();
    const sessions = await new Promise((resolve) => {
      store.all?.((_error, all) => resolve(Object.keys(all ?? {}).length));
    });
    return sessions;
  }

  /** The line of the guide. */
  const letGo: RequestHandler = (req, _res, next) => {
    Reflect.deleteProperty(req, 'session');
    next();
  };

  test('brings the session back when the stream ends, unless the stream has let go of it', async () => {
    expect(await start(true)).toBe(1);
    expect(await start(true, letGo)).toBe(0);
    expect(await start(false, letGo)).toBe(0);
  });
});

test('an async handler under Express 4 hands what it throws to the error handler, through a wrapper', async () => {
  type Handler = (...args: Parameters<RequestHandler>) => Promise<unknown>;
  const handled =
    (handler: Handler): RequestHandler =>
    (req, res, next) => {
      handler(req, res, next).catch(next);
    };
  const stream = sse();
  await stream.hub.close();
  const app = express4();
  app.post(
    '/apples',
    handled(async (_req, res) => {
      await stream.hub.send('too late');
      res.sendStatus(202);
    }),
  );
  const { statusCode } = await fetchHead(`${await serve(app)}/apples`, { method: 'POST' });
  expect(statusCode).toBe(503);
});

describe('hub.open inside of Fastify', () => {
  async function start(rooms: () => string[] | Promise<string[]>) {
    const hub = createHub();
    const app = fastify();
    app.get('/stream', async (request, reply) => {
      await hub.open(request.raw, reply.raw, { rooms });
      reply.hijack();
    });
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    dropLater({ destroy: () => void app.close() });
    return { hub, url };
  }

  test('is a stream, when the reply is hijacked after it', async () => {
    const { hub, url } = await start(() => ['a']);
    const reader = await StreamReader.open(`${url}/stream`);
    await hub.to('a').send('hello');
    await reader.received(1);
    await hub.close();
  });

  test('answers an error where `rooms` throws', async () => {
    const { url } = await start(async () => {
      throw new Error('no database');
    });
    expect((await fetchHead(`${url}/stream`)).statusCode).toBe(500);
  });
});

describe('the end of a server that has its connections listed', () => {
  function listed(server: Server): Set<Socket> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    return sockets;
  }

  test.each<[string, (handler: ReturnType<typeof sse>) => Server]>([
    ['of HTTP/1.1', (handler) => createHttpServer(handler)],
    [
      'of HTTP/2',
      (handler) => createSecureServer({ ...makeCertificate(), allowHTTP1: true }, handler),
    ],
  ])('%s', async (name, make) => {
    const stream = sse();
    const server = make(stream);
    const sockets = listed(server);
    const url = await serve(server as HttpServer);
    if (name === 'of HTTP/2') {
      const client = dropLater(connectHttp2(url, { rejectUnauthorized: false }));
      client.on('error', () => {});
      const reader = new StreamReader(client.request({ ':path': '/' }));
      await reader.until(({ notices }) => notices.length > 0);
    } else await StreamReader.open(url);
    const closed = once(server, 'close');
    await stream.hub.close();
    server.close();
    for (const socket of sockets) socket.destroy();
    expect(await closed).toEqual([]);
  });
});
