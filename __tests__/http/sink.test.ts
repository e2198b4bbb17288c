import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { connect, constants, createServer as createHttp2Server } from 'node:http2';
import type { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import compression from 'compression';
import express from 'express';
import { ResponseSink } from '../../lib/http/response-sink.js';
import { type Client, type SseHandler, sse } from '../../lib/index.js';
import { gone, serve, transports } from '../support/server.js';
import { dropLater, fetchHead, openStalled, StreamReader, Wire } from '../support/stream-client.js';

// jest fails a test during which an exception goes uncaught or a rejection unhandled.

afterEach(() => jest.restoreAllMocks());

/** Serves the stream, and hands each response out before the stream is opened on it. */
function meddling(stream: SseHandler, meddle: (res: ServerResponse) => void): RequestListener {
  return (req, res) => {
    if (req.url === '/meddled') meddle(res);
    stream(req, res);
  };
}

/** The client that the hub let in last. */
function newest({ hub }: SseHandler): Client {
  return [...hub.clients.values()].at(-1) as Client;
}

describe.each(transports)('%s', (name, over) => {
  test('a thousand events reach each of several clients, once and in order', async () => {
    const stream = sse();
    const url = await serve(over(stream));
    const readers = await Promise.all([url, url, url].map((each) => StreamReader.open(each)));

    const numbers = Array.from({ length: 1000 }, (_, index) => String(index));
    await Promise.all(numbers.map((number) => stream.hub.send(number)));

    for (const reader of readers) {
      await reader.received(1000);
      expect(reader.data).toEqual(numbers);
    }
  });

  test('an event of 10 MB comes whole, and the next one behind it', async () => {
    const stream = sse();
    const reader = await StreamReader.open(await serve(over(stream)));
    const large = 'Lorem ipsum '.repeat((10 * 1024 * 1024) / 12);

    await stream.hub.sendEvent('large', large);
    await stream.hub.sendEvent('small', 'x');

    const events = await reader.received(2);
    expect(events.map(({ type }) => type)).toEqual(['large', 'small']);
    expect(events[0]?.data === large).toBe(true);
  });

  test('text in any script comes as it was sent', async () => {
    const stream = sse();
    const reader = await StreamReader.open(await serve(over(stream)));
    const text = 'Grüße, 東京, Ελλάδα, שלום, 👩🏽‍🚀, \u2028, \u0000, \ufeff';

    await stream.hub.sendEvent('größe', text);

    expect(await reader.received(1)).toMatchObject([{ type: 'größe', data: text }]);
  });

  test('what a slow reader did not take at once comes when it reads on', async () => {
    const stream = sse({ clientQueueBytes: Infinity });
    const responses: ServerResponse[] = [];
    const url = await serve(
      over((req, res) => {
        responses.push(res);
        stream(req, res);
      }),
    );
    const reader = await StreamReader.open(url);
    reader.response.pause();

    const sent = Array.from({ length: 200 }, (_, index) => `${index} ${'x'.repeat(64 * 1024)}`);
    for (const data of sent) await stream.hub.send(data);
    while (responses[0]?.socket?.writableNeedDrain === false) await nextTurn();
    reader.response.resume();

    await reader.received(200);
    expect(reader.data.map((data) => data.split(' ')[0])).toEqual(
      sent.map((data) => data.split(' ')[0]),
    );
  });

  test('the hub learns that a client takes no more, and does not pile up bytes for it', async () => {
    const stream = sse({ clientQueueSize: 5 });
    const url = await serve(over(stream));
    await openStalled(url);
    const stalled = newest(stream);
    const reader = await StreamReader.open(url);

    // Far more than the kernel holds for one connection.
    for (let count = 0; count < 400; count++) {
      await stream.hub.send('x'.repeat(64 * 1024));
      await reader.received(count + 1);
    }

    await gone(stalled);
    expect(stream.hub.size).toBe(1);
  });

  test('the stream ends when the hub ends it', async () => {
    const stream = sse();
    const reader = await StreamReader.open(await serve(over(stream)));

    stream.hub.leaveAll();
    await reader.end();

    expect(reader.response.complete).toBe(true);
  });

  test('is the way that the bytes take', async () => {
    const write = jest.spyOn(ResponseSink.prototype, 'write');
    const stream = sse();
    const reader = await StreamReader.open(await serve(over(stream)));

    await stream.hub.send('hello');
    await reader.received(1);

    const throughResponse = name === 'through res.write';
    expect(write.mock.calls.length > 0).toBe(throughResponse);
  });

  describe('a client that breaks is removed, and the others go on', () => {
    /** Does the harm while events are sent: one client is lost, the other gets them all. */
    async function expectOnlyOneLost(
      stream: SseHandler,
      handler: RequestListener,
      harm: (wire: Wire) => void = () => {},
    ): Promise<void> {
      const url = await serve(over(handler));
      const reader = await StreamReader.open(url);
      const wire = await Wire.connect(url);
      wire.get('/meddled');
      await wire.until(({ text }) => text.includes('id: '));
      const broken = newest(stream);

      for (let number = 0; number < 100; number++) {
        if (number === 50) harm(wire);
        await stream.hub.send(String(number));
      }

      await reader.received(100);
      await gone(broken);
      await nextTurn();
      expect([...stream.hub.clients.values()]).not.toContain(broken);
      expect(stream.hub.size).toBe(1);
    }

    test('when its connection is reset', async () => {
      const stream = sse();

      await expectOnlyOneLost(stream, stream, (wire) => wire.socket.resetAndDestroy());
    });

    test.each<[string, (response: ServerResponse) => void]>([
      ['when someone else ends its response', (response) => response.end()],
      ['when someone else destroys its response', (response) => response.destroy()],
      ['when its response fails', (response) => response.emit('error', new Error('broken'))],
      [
        'when its response is told to write after its end',
        (response) => {
          response.end();
          response.write('too late');
        },
      ],
    ])('%s', async (_when, breakIt) => {
      const stream = sse();
      let response: ServerResponse | undefined;
      const handler = meddling(stream, (res) => {
        response = res;
      });

      await expectOnlyOneLost(stream, handler, () => breakIt(response as ServerResponse));
    });
  });

  test('a wrapped `end` that throws does no more harm than to cut the connection', async () => {
    const stream = sse();
    const handler = meddling(stream, (res) => {
      res.end = () => {
        throw new Error('broken');
      };
    });
    const reader = await StreamReader.open(`${await serve(over(handler))}/meddled`);
    const client = newest(stream);

    stream.hub.leaveAll();

    await gone(client);
    await reader.end();
    expect(reader.response.complete).toBe(false);
  });
});

test('both ways put the same bytes on the wire', async () => {
  const captured: string[] = [];
  for (const [, over] of transports) {
    const stream = sse();
    const wire = await Wire.connect(await serve(over(stream)));
    wire.get('/');
    await wire.until(({ text }) => /\nid: .+\n\n\r\n/.test(text));
    for (const data of ['one', 'größer', 'x'.repeat(60_000)]) {
      await stream.hub.sendEvent('bytes', data);
      const bytes = Buffer.from(data).toString('latin1');
      await wire.until(
        ({ text }) => text.endsWith('\n\n\r\n') && text.includes(`data: ${bytes}\nid: `),
      );
    }
    stream.hub.leaveAll();
    await wire.until(({ text }) => text.endsWith('\r\n0\r\n\r\n'));
    captured.push(wire.text.replace(/Date: .+/, 'Date: now').replace(/id: .+\./g, 'id: epoch.'));
  }

  expect(captured[0]).toMatch(/^HTTP\/1\.1 200 OK\r\n.+id: epoch\.3\n/s);
  expect(captured[1] === captured[0]).toBe(true);
});

describe('a reader that reads', () => {
  test.each(transports)(
    'is never outrun by awaited sends, whatever their size, %s',
    async (_how, over) => {
      for (const size of [8_000, 100_000]) {
        const stream = sse({ sendTimeout: 60_000 });
        const reader = await StreamReader.open(await serve(over(stream)));
        const count = 24_000_000 / size;
        for (let sent = 0; sent < count; sent++) await stream.hub.send('x'.repeat(size));
        await reader.received(count);
        expect(stream.hub.stats()).toMatchObject({ evicted: 0, gaps: 0, delivered: count });
        reader.destroy();
      }
    },
  );
});

describe('a wrapped res.write', () => {
  test('that returns a promise does not hide that the reader has stopped', async () => {
    const stream = sse({ sendTimeout: 200 });
    const url = await serve((req, res) => {
      const write = res.write.bind(res) as (bytes: Buffer) => boolean;
      Object.assign(res, { write: async (bytes: Buffer) => write(bytes) });
      stream(req, res);
    });
    await openStalled(url);
    const [client] = stream.hub.clients.values();
    const evicted = once(client?.signal as AbortSignal, 'abort');
    while (stream.hub.size === 1) await stream.hub.send('x'.repeat(100_000));
    await evicted;
    expect(stream.hub.stats().evicted).toBe(1);
  });

  /** A stream with two clients, one of which writes through this wrapper. */
  async function openWrapped(
    wrap: (res: ServerResponse, write: (bytes: Buffer) => boolean) => (bytes: Buffer) => unknown,
  ) {
    const stream = sse();
    const handler = meddling(stream, (res) => {
      const write: (bytes: Buffer) => boolean = res.write.bind(res);
      res.write = wrap(res, write) as typeof res.write;
    });
    const url = await serve(handler);
    const other = await StreamReader.open(url);
    const wrapped = await StreamReader.open(`${url}/meddled`);
    return { stream, client: newest(stream), wrapped, other };
  }

  test('that calls nobody back carries events like any other', async () => {
    const { stream, wrapped } = await openWrapped((_res, write) => (bytes) => write(bytes));

    for (const data of ['1', '2', '3']) {
      await stream.hub.send(data);
      await wrapped.received(Number(data));
    }

    expect(wrapped.data).toEqual(['1', '2', '3']);
  });

  test('that gives nothing back carries events like any other', async () => {
    const { stream, wrapped } = await openWrapped((_res, write) => (bytes) => {
      write(bytes);
    });

    for (const data of ['1', '2', 'x'.repeat(10_000_000), '4']) await stream.hub.send(data);

    await wrapped.received(4);
    expect(wrapped.data.map((data) => data.length)).toEqual([1, 1, 10_000_000, 1]);
  });

  test.each<[string, (res: ServerResponse) => void]>([
    [
      'that throws costs its own client alone',
      () => {
        throw new Error('broken');
      },
    ],
    [
      'that emits an error costs its own client alone',
      (res) => res.emit('error', new Error('broken')),
    ],
  ])('%s', async (_what, breakIt) => {
    const { stream, client, wrapped, other } = await openWrapped((res, write) => (bytes) => {
      if (bytes.includes('poison')) breakIt(res);
      return write(bytes);
    });

    await stream.hub.send('poison');
    await gone(client);
    await stream.hub.send('more');

    await wrapped.end();
    await other.received(2);
    expect(stream.hub.size).toBe(1);
  });

  test('that throws at the first write costs its own client alone', async () => {
    const stream = sse();
    const handler = meddling(stream, (res) => {
      res.write = () => {
        throw new Error('broken');
      };
    });
    const url = await serve(handler);
    const other = await StreamReader.open(url);

    await expect(StreamReader.open(`${url}/meddled`)).rejects.toThrow('socket hang up');
    await stream.hub.send('more');

    await other.received(1);
    expect(stream.hub.size).toBe(1);
  });
});

test('an HTTP/2 client that resets its stream is removed, and others on its connection go on', async () => {
  const stream = sse();
  const session = dropLater(connect(await serve(createHttp2Server(stream))));
  const open = async () => {
    const request = session.request({ ':path': '/' });
    const reader = new StreamReader(request);
    await reader.until(({ text }) => text.includes('id: '));
    return { request, reader, client: newest(stream) };
  };
  const broken = await open();
  const other = await open();

  for (let number = 0; number < 100; number++) {
    if (number === 50) broken.request.close(constants.NGHTTP2_CANCEL);
    await stream.hub.send(String(number));
  }

  await gone(broken.client);
  await other.reader.received(100);
  expect([...stream.hub.clients.values()]).toEqual([other.client]);
});

describe('under compression', () => {
  /** Each event has to come before the next one is sent. */
  async function expectEachAtOnce(
    stream: SseHandler,
    reader: StreamReader<Readable>,
  ): Promise<void> {
    for (const [index, data] of ['a', 'b', 'c'].entries()) {
      await stream.hub.send(data);
      await reader.received(index + 1);
    }
    expect(reader.data).toEqual(['a', 'b', 'c']);
  }

  function openCompressed(stream: SseHandler): Promise<IncomingMessage> {
    const app = express()
      .use(compression({ threshold: 0 }))
      .get('/', stream);
    return serve(app).then((url) => fetchHead(url, { headers: { 'accept-encoding': 'gzip' } }));
  }

  test('each event comes at once and as it is, since the head forbids to transform it', async () => {
    const stream = sse();
    const response = await openCompressed(stream);

    await expectEachAtOnce(stream, new StreamReader(response));

    expect(response.headers['content-encoding']).toBeUndefined();
  });

  test('each event comes at once though compressed, where Cache-Control allows it', async () => {
    const stream = sse({ headers: { 'Cache-Control': 'no-cache' } });
    const response = await openCompressed(stream);

    await expectEachAtOnce(stream, new StreamReader(response.pipe(createGunzip())));

    expect(response.headers['content-encoding']).toBe('gzip');
  });

  test('a large event comes whole though compressed, and the next one behind it', async () => {
    const stream = sse({ headers: { 'Cache-Control': 'no-cache' } });
    const response = await openCompressed(stream);
    const reader = new StreamReader(response.pipe(createGunzip()));
    // Random, so that it is large when it is compressed, too.
    const large = randomBytes(5_000_000).toString('base64');

    await stream.hub.send(large);
    await stream.hub.send('next');

    await reader.received(2);
    expect(reader.data[0] === large).toBe(true);
  });

  test('a client that leaves is removed', async () => {
    const stream = sse({ headers: { 'Cache-Control': 'no-cache' } });
    const response = await openCompressed(stream);
    const client = newest(stream);

    response.destroy();

    await gone(client);
    expect(stream.hub.size).toBe(0);
  });
});
