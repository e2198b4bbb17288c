import { once } from 'node:events';
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { connect, createServer as createHttp2Server } from 'node:http2';
import { text } from 'node:stream/consumers';
import { EventSource } from 'eventsource';
import express from 'express';
import request from 'supertest';
import { type Client, createHub, type Hub, SseError, sse } from '../../lib/index.js';
import { gone, serve, transports } from '../support/server.js';
import { dropLater, fetchHead, openStalled, StreamReader, Wire } from '../support/stream-client.js';
import { warningsDuring } from '../support/warnings.js';

function only({ clients }: Hub): Client {
  expect(clients.size).toBe(1);
  return [...clients.values()][0] as Client;
}

/** A promise, and what settles it. */
function deferred<Value = void>() {
  let resolve: (value: Value | PromiseLike<Value>) => void = () => {};
  const promise = new Promise<Value>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe('hub.open', () => {
  test('answers the request with a stream, and resolves with its client', async () => {
    const hub = createHub();
    const client = deferred<Client>();
    const url = await serve((req, res) => client.resolve(hub.open(req, res)));

    const reader = await StreamReader.open(url);
    await hub.send('hello');

    await reader.received(1);
    expect(await client.promise).toBe(only(hub));
    expect((await client.promise).signal.aborted).toBe(false);
  });

  test('goes by the Last-Event-ID header', async () => {
    const hub = createHub();
    const url = await serve((req, res) => void hub.open(req, res));
    const [first] = await Promise.all(['1', '2', '3'].map((data) => hub.send(data)));

    const reader = await StreamReader.open(url, { headers: { 'last-event-id': first } });

    await reader.received(2);
    expect(reader.data).toEqual(['2', '3']);
  });

  test('goes by ?lastEventId= where there is no header', async () => {
    const hub = createHub();
    const url = await serve((req, res) => void hub.open(req, res));
    const [first, second] = await Promise.all(['1', '2', '3'].map((data) => hub.send(data)));

    const byQuery = await StreamReader.open(`${url}/?a=b&lastEventId=${first}`);
    const byBoth = await StreamReader.open(`${url}/?lastEventId=${first}`, {
      headers: { 'last-event-id': second },
    });

    await byQuery.received(2);
    await byBoth.received(1);
    expect(byQuery.data).toEqual(['2', '3']);
    expect(byBoth.data).toEqual(['3']);
  });

  test('answers HEAD with a client that is gone already', async () => {
    const hub = createHub();
    const client = deferred<Client>();
    const server = createServer((req, res) => client.resolve(hub.open(req, res)));

    await request(server).head('/').expect(200);

    expect((await client.promise).signal.aborted).toBe(true);
    expect(() => client.promise.then(({ close }) => close())).not.toThrow();
    expect(hub.size).toBe(0);
  });

  test('answers 406 where Accept keeps event streams out, with a client that is gone', async () => {
    const hub = createHub();
    const client = deferred<Client>();
    const server = createServer((req, res) => client.resolve(hub.open(req, res)));

    await request(server)
      .get('/')
      .set('Accept', 'application/json')
      .expect(406)
      .expect('Content-Type', 'text/plain; charset=utf-8')
      .expect('This resource is served as text/event-stream only.\n');

    expect((await client.promise).signal.aborted).toBe(true);
    expect(hub.size).toBe(0);
  });
});

describe('a client that leaves is removed, though nothing is ever sent', () => {
  const ways: [string, (wire: Wire) => void][] = [
    ['by ending its side', ({ socket }) => void socket.end()],
    ['by closing the connection', ({ socket }) => void socket.destroy()],
    ['by a reset', ({ socket }) => void socket.resetAndDestroy()],
  ];

  describe.each(transports)('%s', (_name, over) => {
    test.each(ways)('%s', async (_way, leave) => {
      const stream = sse({ keepAlive: false });
      const wire = await Wire.connect(await serve(over(stream)));
      wire.get('/');
      await wire.until(({ text }) => text.includes('id: '));
      const client = only(stream.hub);
      expect(client.signal.aborted).toBe(false);

      leave(wire);

      await gone(client);
      expect(stream.hub.size).toBe(0);
    });
  });

  test('over HTTP/2', async () => {
    const stream = sse({ keepAlive: false });
    const session = dropLater(connect(await serve(createHttp2Server(stream))));
    const events = session.request({ ':path': '/' });
    await once(events, 'response');
    const client = only(stream.hub);

    events.close();

    await gone(client);
    expect(stream.hub.size).toBe(0);
  });

  test('while its response still waits behind another one of the connection', async () => {
    const stream = sse({ keepAlive: false });
    const opened = deferred();
    const url = await serve((req, res) => {
      if (req.url !== '/stream') return;
      stream(req, res);
      opened.resolve();
    });
    const wire = await Wire.connect(url);
    wire.get('/never-answered', '/stream');
    await opened.promise;
    const client = only(stream.hub);

    wire.socket.destroy();

    await gone(client);
    expect(stream.hub.size).toBe(0);
  });
});

describe('a stream that answers a POST', () => {
  test('lives on when the body was read first, and is removed when its client leaves', async () => {
    const stream = sse({ keepAlive: false });
    const bodies: unknown[] = [];
    const app = express()
      .use(express.json())
      .post('/', (req, res) => {
        bodies.push(req.body);
        // Node closes a request as soon as its body was read.
        if (req.closed) stream(req, res);
        else req.once('close', () => stream(req, res));
      });
    const post = dropLater(
      httpRequest(await serve(app), {
        method: 'POST',
        agent: false,
        headers: { 'content-type': 'application/json' },
      }),
    );
    post.on('error', () => {});
    post.end('{"prompt":"hi"}');
    const [response] = (await once(post, 'response')) as [IncomingMessage];
    const reader = new StreamReader(response);

    await stream.hub.send('hello');
    await reader.received(1);
    const client = only(stream.hub);
    expect(bodies).toEqual([{ prompt: 'hi' }]);

    reader.destroy();
    await gone(client);
    expect(stream.hub.size).toBe(0);
  });

  test('lives on when the body is read afterwards', async () => {
    const stream = sse();
    const url = await serve((req, res) => {
      stream(req, res);
      req.resume();
    });
    const post = dropLater(httpRequest(url, { method: 'POST', agent: false }));
    post.on('error', () => {});
    post.end('body');
    const [response] = (await once(post, 'response')) as [IncomingMessage];
    const reader = new StreamReader(response);

    await stream.hub.send('hello');

    await reader.received(1);
  });
});

describe('a client that left before its stream is opened', () => {
  /** A slow check in front of the stream: it lasts until the client has left. */
  function openWhenLeft(hub: Hub, whenLeft: (req: IncomingMessage, open: () => void) => void) {
    const asked = deferred();
    const client = deferred<Client>();
    const listener: RequestListener = (req, res) => {
      if (req.url !== '/stream') return;
      asked.resolve();
      whenLeft(req, () => client.resolve(hub.open(req, res)));
    };
    return { listener, asked: asked.promise, client: client.promise };
  }

  const whenClosed = (req: IncomingMessage, open: () => void) => req.socket.once('close', open);
  const whenAborted = (req: IncomingMessage, open: () => void) => req.once('aborted', open);

  test.each([
    ['is not let in', whenClosed],
    ['is not let in the moment that the request is aborted', whenAborted],
  ])('%s', async (_title, whenLeft) => {
    const lines: string[] = [];
    const note = (line: string) => lines.push(line);
    const hub = createHub({ logger: { info: note, warn: note } });
    const { listener, asked, client } = openWhenLeft(hub, whenLeft);
    const wire = await Wire.connect(await serve(listener));
    wire.get('/stream');
    await asked;

    wire.socket.destroy();

    expect((await client).signal.aborted).toBe(true);
    expect(hub.size).toBe(0);
    expect(lines).toEqual([]);
  });

  test('is not let in while its response waits behind another one', async () => {
    const hub = createHub();
    const { listener, asked, client } = openWhenLeft(hub, whenClosed);
    const wire = await Wire.connect(await serve(listener));
    wire.get('/never-answered', '/stream');
    await asked;

    wire.socket.destroy();

    expect((await client).signal.aborted).toBe(true);
    expect(hub.size).toBe(0);
  });

  test('is not let in over HTTP/2', async () => {
    const hub = createHub();
    const asked = deferred();
    const client = deferred<Client>();
    const server = createHttp2Server((req, res) => {
      asked.resolve();
      res.once('close', () => client.resolve(hub.open(req, res)));
    });
    const session = dropLater(connect(await serve(server)));
    const events = session.request({ ':path': '/' });
    await asked.promise;

    events.close();

    expect((await client.promise).signal.aborted).toBe(true);
    expect(hub.size).toBe(0);
  });

  test('is not let in behind a middleware of Express', async () => {
    const stream = sse();
    const asked = deferred();
    const passed = deferred();
    const app = express()
      .use(async (req, _res, next) => {
        asked.resolve();
        await once(req.socket, 'close');
        next();
        passed.resolve();
      })
      .get('/stream', stream);
    const wire = await Wire.connect(await serve(app));
    wire.get('/stream');
    await asked.promise;

    wire.socket.destroy();

    await passed.promise;
    expect(stream.hub.size).toBe(0);
  });
});

describe('on a connection with other requests', () => {
  /** Serves the stream at /stream, and at all other paths something that is no stream. */
  function besideOthers(
    stream: RequestListener,
    answer = (res: ServerResponse): unknown => res.setHeader('Content-Length', 5).end('other'),
  ): RequestListener {
    return (req, res) => void (req.url === '/stream' ? stream(req, res) : answer(res));
  }

  const headWith = (field: string): string =>
    expect.stringMatching(new RegExp(`^HTTP/1\\.1 200 OK\\r\\n(.+\\r\\n)*${field}\\r\\n`));

  const other = { head: headWith('Content-Length: 5'), body: 'other' };

  function streamOf(...data: string[]): { head: string; body: string } {
    const events = data.map((each) => `data: ${each}\\nid: \\S+\\n\\n`).join('');
    return {
      head: headWith('Content-Type: text/event-stream'),
      body: expect.stringMatching(
        new RegExp(`^retry: 3000\\nevent: ready\\ndata: \\S+\\nid: \\S+\\n\\n${events}$`),
      ),
    };
  }

  test('a stream pipelined behind another request begins after its response', async () => {
    const stream = sse();
    const asked = deferred<ServerResponse>();
    const opened = deferred();
    const listener = besideOthers((req, res) => {
      stream(req, res);
      opened.resolve();
    }, asked.resolve);
    const wire = await Wire.connect(await serve(listener));
    wire.get('/other', '/stream');
    await opened.promise;

    await stream.hub.send('early');
    (await asked.promise).setHeader('Content-Length', 5).end('other');
    await wire.until(({ text }) => text.includes('early'));
    await stream.hub.send('late');
    await wire.until(({ text }) => text.includes('late'));
    const client = only(stream.hub);
    stream.hub.leaveAll();
    await gone(client);
    wire.get('/stream');
    await wire.until(({ responses }) => responses[2]?.body.includes('id: ') === true);

    expect(wire.responses).toEqual([other, streamOf('early', 'late'), streamOf()]);
  });

  test('a request pipelined behind a stream is answered once the stream is over', async () => {
    const stream = sse();
    const wire = await Wire.connect(await serve(besideOthers(stream)));
    wire.get('/stream', '/other');
    await wire.until(({ text }) => text.includes('id: '));
    await stream.hub.send('hello');
    await wire.until(({ text }) => text.includes('hello'));
    expect(wire.responses).toEqual([streamOf('hello')]);

    stream.hub.leaveAll();
    await wire.until(({ responses }) => responses[1]?.body === 'other');

    expect(wire.responses).toEqual([streamOf('hello'), other]);
  });

  test('the connection serves a further request, and a stream, when one has ended', async () => {
    const stream = sse();
    const wire = await Wire.connect(await serve(besideOthers(stream)));
    wire.get('/stream');
    await wire.until(({ text }) => text.includes('id: '));

    stream.hub.leaveAll();
    await wire.until(({ text }) => text.endsWith('\r\n0\r\n\r\n'));
    wire.get('/other');
    await wire.until(({ responses }) => responses[1]?.body === 'other');
    wire.get('/stream');
    await wire.until(({ responses }) => responses[2]?.body.includes('id: ') === true);
    await stream.hub.send('hello');
    await wire.until(({ text }) => text.includes('hello'));

    expect(wire.responses).toEqual([streamOf(), other, streamOf('hello')]);
  });

  test.each(transports)(
    '%s, nothing lands in the next response when someone else ended the stream',
    async (_name, over) => {
      const stream = sse();
      const large = 'x'.repeat(10_000_000);
      const listener = besideOthers((req, res) => {
        stream(req, res);
        void stream.hub.send('too late');
        // So large that it is still on its way when the event's turn comes.
        res.write(`data: ${large}\n\n`);
        res.end();
      });
      const wire = await Wire.connect(await serve(over(listener)));
      wire.get('/stream', '/other');
      await wire.until(({ responses }) => responses[1]?.body === 'other');
      await stream.hub.send('far too late');
      wire.get('/other');
      await wire.until(({ responses }) => responses[2]?.body === 'other');

      const [first, ...others] = wire.responses;
      expect(first?.body.endsWith(`data: ${large}\n\n`)).toBe(true);
      expect(others).toEqual([other, other]);
    },
  );

  test('fifty streams one after the other leave no listeners behind', async () => {
    const stream = sse();
    const server = createServer(stream);
    const connections: unknown[] = [];
    server.on('connection', (socket) => connections.push(socket));
    const url = await serve(server);
    const agent = dropLater(new Agent({ keepAlive: true, maxSockets: 1 }));

    const warnings = await warningsDuring(async () => {
      for (let count = 0; count < 50; count++) {
        const reader = new StreamReader(await fetchHead(url, { agent }));
        stream.hub.leaveAll();
        await reader.end();
      }
    });

    expect(connections).toHaveLength(1);
    expect(warnings).toEqual([]);
  });

  test('nor do fifty streams that were pipelined behind other requests', async () => {
    const stream = sse();
    const waiting = deferred<ServerResponse>();
    const asked = [waiting];
    const listener = besideOthers(
      (req, res) => {
        stream(req, res);
        void asked.at(-1)?.promise.then((first) => first.end());
      },
      (res) => asked.at(-1)?.resolve(res),
    );
    const wire = await Wire.connect(await serve(listener));

    const warnings = await warningsDuring(async () => {
      for (let count = 1; count <= 50; count++) {
        wire.get('/other', '/stream');
        await wire.until(({ text }) => text.split('retry: ').length > count);
        const client = only(stream.hub);
        asked.push(deferred());
        stream.hub.leaveAll();
        await gone(client);
      }
    });

    expect(warnings).toEqual([]);
  });
});

describe('a response that cannot carry a stream', () => {
  async function failureOf(spoil: (res: ServerResponse) => void): Promise<unknown> {
    const hub = createHub();
    const outcome = deferred<unknown>();
    const url = await serve((req, res) => {
      spoil(res);
      hub
        .open(req, res)
        .catch((error: unknown) => error)
        .then(outcome.resolve);
    });
    httpRequest(url, { agent: false })
      .on('error', () => {})
      .end();
    return outcome.promise;
  }

  test('is refused with ERR_SSE_CANNOT_STREAM and the status 501, which say why', async () => {
    const error = await failureOf((res) => res.flushHeaders());

    expect(error).toBeInstanceOf(SseError);
    expect(error).toMatchObject({
      code: 'ERR_SSE_CANNOT_STREAM',
      status: 501,
      message:
        "the response can't carry an event stream: its head was sent already, by an earlier handler or middleware",
    });
  });

  test('is refused where it has ended', async () => {
    const error = await failureOf((res) => res.end());

    expect(error).toMatchObject({
      code: 'ERR_SSE_CANNOT_STREAM',
      message: "the response can't carry an event stream: it has ended already",
    });
  });

  test('is refused where it has ended and is on its way already', async () => {
    const hub = createHub();
    const outcome = deferred<unknown>();
    const server = createServer((req, res) => {
      res.once('close', () => hub.open(req, res).catch(outcome.resolve));
      res.end();
    });

    await request(server).get('/').expect(200);

    expect(await outcome.promise).toMatchObject({ code: 'ERR_SSE_CANNOT_STREAM' });
  });

  test.each(['setHeader', 'flushHeaders', 'write', 'end', 'on'] as const)(
    'is refused where it is a stand-in without %s',
    async (method) => {
      const error = await failureOf((res) => {
        Object.defineProperty(res, method, { value: undefined });
      });

      expect(error).toMatchObject({
        code: 'ERR_SSE_CANNOT_STREAM',
        message: `the response can't carry an event stream: it has no method ${method}`,
      });
    },
  );

  test('is left as it was', async () => {
    const hub = createHub();
    const failed = deferred();
    const server = createServer((req, res) => {
      res.writeHead(202, { 'Content-Type': 'text/plain' });
      res.write('one, ');
      hub.open(req, res).catch(() => {
        res.end('two');
        failed.resolve();
      });
    });

    await request(server)
      .get('/')
      .expect(202)
      .expect('Content-Type', 'text/plain')
      .expect('one, two');
    await failed.promise;
    expect(hub.size).toBe(0);
  });
});

describe('a hub that is closed', () => {
  /** What it says to one new client. */
  async function retryOf(url: string): Promise<number> {
    const response = await fetchHead(url);
    expect(response.statusCode).toBe(200);
    expect(response.headers['content-type']).toBe('text/event-stream');
    const body = await text(response);
    expect(body).toMatch(/^retry: \d+\n\n$/);
    return Number(body.slice('retry: '.length));
  }

  function openEventSource(url: string): EventSource {
    const source = new EventSource(url);
    dropLater({ destroy: () => source.close() });
    return source;
  }

  test('sends new clients away with a retry of their own, between once and twice the usual', async () => {
    const stream = sse({ retry: 1000 });
    const url = await serve(stream);
    await stream.hub.close();

    const retries: number[] = [];
    for (let count = 0; count < 30; count++) retries.push(await retryOf(url));

    expect(Math.min(...retries)).toBeGreaterThanOrEqual(1000);
    expect(Math.max(...retries)).toBeLessThanOrEqual(2000);
    expect(new Set(retries).size).toBeGreaterThan(1);
    expect(stream.hub.size).toBe(0);
  });

  test('does so from the moment that it begins to close', async () => {
    const stream = sse({ clientQueueBytes: Infinity });
    const url = await serve(stream);
    const stalled = await openStalled(url);
    const client = only(stream.hub);
    for (let count = 0; count < 10; count++) await stream.hub.send('x'.repeat(1024 * 1024));

    const closing = stream.hub.close();
    await retryOf(url);

    expect(client.signal.aborted).toBe(false);
    stalled.destroy();
    await closing;
    expect(client.signal.aborted).toBe(true);
  });

  test('resolves open with a client that is gone', async () => {
    const hub = createHub();
    const client = deferred<Client>();
    const server = createServer((req, res) => client.resolve(hub.open(req, res)));
    await hub.close();

    await request(server).get('/').expect(200);

    expect((await client.promise).signal.aborted).toBe(true);
  });

  test('answers 204 when it was closed for good', async () => {
    const stream = sse();
    await stream.hub.close({ final: true });

    const response = await request(stream).get('/');

    expect(response.status).toBe(204);
    expect(response.text).toBe('');
  });

  test('is asked again by EventSource until there is another hub', async () => {
    const closed = sse({ retry: 10 });
    const next = sse();
    let requests = 0;
    const url = await serve((req, res) => {
      requests++;
      (requests < 3 ? closed : next)(req, res);
      if (requests === 3) void next.hub.send('here I am');
    });
    await closed.hub.close();

    const source = openEventSource(url);
    const message = await new Promise<MessageEvent>((resolve) => {
      source.onmessage = resolve;
    });

    expect(message.data).toBe('here I am');
    expect(requests).toBe(3);
  });

  test('is not asked again by EventSource when it was closed for good', async () => {
    const stream = sse();
    await stream.hub.close({ final: true });

    const source = openEventSource(await serve(stream));
    await new Promise((resolve) => {
      source.onerror = resolve;
    });

    expect(source.readyState).toBe(EventSource.CLOSED);
  });

  test('tells a connected EventSource to come back, and it finds the next hub', async () => {
    const first = sse({ retry: 10 });
    const next = sse();
    const url = await serve((req, res) => {
      const isBack = first.hub.size === 0 && req.headers['last-event-id'] !== undefined;
      (isBack ? next : first)(req, res);
    });
    const source = openEventSource(url);
    const types = deferred<string>();
    const greeted = new Promise((resolve) => {
      source.addEventListener('greeting', resolve);
    });
    source.addEventListener('gap', ({ type }) => types.resolve(type));
    await new Promise((resolve) => {
      source.onopen = resolve;
    });
    await first.hub.sendEvent('greeting', 'hello');
    await greeted;

    await first.hub.close();

    expect(await types.promise).toBe('gap');
    expect(next.hub.size).toBe(1);
  });
});
