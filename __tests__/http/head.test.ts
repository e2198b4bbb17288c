import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import request from 'supertest';
import { type SseHandler, sse } from '../../lib/index.js';
import { serve } from '../support/server.js';
import { dropLater, StreamReader, Wire } from '../support/stream-client.js';
import { warningsDuring } from '../support/warnings.js';

describe('the head of a stream', () => {
  test('is sent at once, before there is any event', async () => {
    const { response } = await StreamReader.open(await serve(sse()));

    expect(response.statusCode).toBe(200);
  });

  test('was sent when the handler returns', async () => {
    const stream = sse();
    let wasSent: boolean | undefined;
    const url = await serve((req, res) => {
      stream(req, res);
      wasSent = res.headersSent;
    });

    await StreamReader.open(url);

    expect(wasSent).toBe(true);
  });

  test('says that nothing may hold the stream back or change it, and nothing more', async () => {
    const { response } = await StreamReader.open(await serve(sse()));

    expect(response.headers).toEqual({
      'content-type': 'text/event-stream',
      'cache-control': 'private, no-cache, no-store, no-transform',
      'x-accel-buffering': 'no',
      // Of node:http's own:
      connection: 'close',
      date: expect.any(String),
      'transfer-encoding': 'chunked',
    });
  });

  test('has the status 200 whatever was set before', async () => {
    const stream = sse();
    const url = await serve((req, res) => {
      res.statusCode = 404;
      stream(req, res);
    });

    const { response } = await StreamReader.open(url);

    expect(response.statusCode).toBe(200);
  });

  test('keeps the headers that others have set', async () => {
    const stream = sse();
    const url = await serve((req, res) => {
      res.setHeader('Access-Control-Allow-Origin', '*');
      stream(req, res);
    });

    const { response } = await StreamReader.open(url);

    expect(response.headers['access-control-allow-origin']).toBe('*');
  });

  test('has no length, though a middleware in front may have set one', async () => {
    const stream = sse();
    const url = await serve((req, res) => {
      res.setHeader('Content-Length', 5);
      stream(req, res);
    });

    const reader = await StreamReader.open(url);
    await stream.hub.send('longer than that');

    expect(await reader.received(1)).toMatchObject([{ data: 'longer than that' }]);
  });

  test('has the headers of the option beside its own, and instead of them', async () => {
    const headers = { 'X-Number': 7, 'Set-Cookie': ['a=1', 'b=2'], 'cache-control': 'no-cache' };
    const { response } = await StreamReader.open(await serve(sse({ headers })));

    expect(response.headers).toMatchObject({
      'x-number': '7',
      'set-cookie': ['a=1', 'b=2'],
      'cache-control': 'no-cache',
      'content-type': 'text/event-stream',
    });
  });

  test('is all that HEAD gets: no stream is opened', async () => {
    const stream = sse({ headers: { 'X-Own': 'yes' } });

    const response = await request(stream).head('/');

    expect(response.status).toBe(200);
    expect(response.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'private, no-cache, no-store, no-transform',
      'x-own': 'yes',
    });
    expect(stream.hub.size).toBe(0);
  });
});

describe('over HTTP/1.0', () => {
  test('the stream comes without chunks, and its end is the end of the connection', async () => {
    const stream = sse();
    const wire = await Wire.connect(await serve(stream));

    wire.socket.write('GET / HTTP/1.0\r\n\r\n');
    await wire.until(({ text }) => /\nid: .+\n\n/.test(text));
    await stream.hub.send('hello');
    await wire.until(({ text }) => text.includes('hello'));
    stream.hub.leaveAll();
    await wire.end();

    const [head, body] = wire.text.split('\r\n\r\n');
    expect(head?.toLowerCase()).not.toContain('transfer-encoding');
    expect(body).toMatch(
      /^retry: 3000\nevent: ready\ndata: .+\nid: .+\n\ndata: hello\nid: .+\n\n$/,
    );
  });
});

describe('over HTTP/2', () => {
  test('the head has no header of HTTP/1.1, and Node has nothing to warn of', async () => {
    const stream = sse();
    const url = await serve(createHttp2Server(stream));
    let head = {};

    const warnings = await warningsDuring(async () => {
      const session = dropLater(connect(url));
      const events = session.request({ ':path': '/' });
      [head] = await once(events, 'response');
    });

    // (A copy of the entries leaves out a symbol that node:http2 adds.)
    expect(Object.fromEntries(Object.entries(head))).toEqual({
      ':status': 200,
      'content-type': 'text/event-stream',
      'cache-control': 'private, no-cache, no-store, no-transform',
      'x-accel-buffering': 'no',
      date: expect.any(String),
    });
    expect(warnings).toEqual([]);
  });
});

describe('the socket of a stream', () => {
  /** Opens a stream, and gives what is called on the server's side of the connection. */
  async function spyOnSocket(server: Server, open: (url: string) => Promise<unknown>) {
    const url = await serve(server);
    const spies = once(server, 'connection').then(([socket]: Socket[]) => ({
      setNoDelay: jest.spyOn(socket as Socket, 'setNoDelay'),
      setTimeout: jest.spyOn(socket as Socket, 'setTimeout'),
      setKeepAlive: jest.spyOn(socket as Socket, 'setKeepAlive'),
    }));
    await open(url);
    return spies;
  }

  const openHttp2 = async (url: string) => {
    const events = dropLater(connect(url)).request({ ':path': '/' });
    await once(events, 'response');
  };

  const versions: [string, (stream: SseHandler) => Server, (url: string) => Promise<unknown>][] = [
    ['HTTP/1.1', (stream) => createServer(stream), (url) => StreamReader.open(url)],
    ['HTTP/2', (stream) => createHttp2Server(stream), openHttp2],
  ];

  test.each(versions)('sends small writes at once over %s', async (_version, create, open) => {
    const { setNoDelay } = await spyOnSocket(create(sse()), open);

    expect(setNoDelay).toHaveBeenLastCalledWith(true);
  });

  test.each(versions)(
    'is probed by TCP over %s, so that a dead peer is noticed before a heartbeat',
    async (_version, create, open) => {
      const { setKeepAlive } = await spyOnSocket(create(sse()), open);

      expect(setKeepAlive).toHaveBeenLastCalledWith(true, 3000);
    },
  );

  test('has no timeout over HTTP/1.1', async () => {
    const { setTimeout } = await spyOnSocket(createServer(sse()), (url) => StreamReader.open(url));

    expect(setTimeout).toHaveBeenLastCalledWith(0);
  });

  test('keeps its timeout over HTTP/2, where other streams share it', async () => {
    const server = createHttp2Server(sse());
    const url = await serve(server);
    const spy = once(server, 'session').then(([session]: ServerHttp2Session[]) =>
      jest.spyOn(session as ServerHttp2Session, 'setTimeout'),
    );

    await openHttp2(url);

    expect(await spy).not.toHaveBeenCalled();
  });

  test('may be any Duplex that was given to the server', async () => {
    const stream = sse();
    const server = createServer(stream);
    const [here, there] = duplexPair();
    server.emit('connection', there);
    let text = '';
    here.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });

    here.write('GET / HTTP/1.1\r\nHost: test\r\n\r\n');
    while (!text.includes('id: ')) await once(here, 'data');
    await stream.hub.send('hello');
    while (!text.includes('data: hello')) await once(here, 'data');

    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  // What cuts the other connection had its chance with the stream, which was there before.
  describe('is not cut', () => {
    test('by a timeout of the server, which cuts a connection that is idle', async () => {
      const stream = sse();
      const server = createServer((req, res) => {
        if (req.url === '/stream') stream(req, res);
      });
      const url = await serve(server);
      server.setTimeout(50);
      const reader = await StreamReader.open(`${url}/stream`);

      await expect(StreamReader.open(`${url}/never-answered`)).rejects.toThrow('socket hang up');

      await stream.hub.send('still here');
      await reader.received(1);
    });

    test('by the request timeout, which cuts a request that does not come to its end', async () => {
      const stream = sse();
      const limits = { requestTimeout: 50, headersTimeout: 50, connectionsCheckingInterval: 10 };
      const url = await serve(createServer(limits, stream));
      const reader = await StreamReader.open(url);
      const unfinished = await Wire.connect(url);

      unfinished.socket.write('GET / HTTP/1.1\r\nHost: ');
      await unfinished.end();

      expect(unfinished.text).toContain('408 Request Timeout');
      await stream.hub.send('still here');
      await reader.received(1);
    });
  });
});
