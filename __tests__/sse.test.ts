import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import express from 'express';
import request from 'supertest';
import { createHub, type Hub, type SseHandler, type SseOptions, sse } from '../lib/index.js';
import { serve } from './support/server.js';
import { StreamReader } from './support/stream-client.js';

describe('sse()', () => {
  test('is all that a route needs', async () => {
    const app = express();
    app.use((_req, res, next) => {
      next();
      void res.locals.stream.send('hello');
    });
    app.get('/stream', sse());

    const reader = await StreamReader.open(`${await serve(app)}/stream`);

    await reader.received(1);
    expect(reader.data).toEqual(['hello']);
  });

  test('makes a hub for each route, and their events do not mix', async () => {
    const apples = sse();
    const pears = sse();
    const url = await serve(express().get('/apples', apples).get('/pears', pears));
    const appleReader = await StreamReader.open(`${url}/apples`);
    const pearReader = await StreamReader.open(`${url}/pears`);

    await apples.hub.send('an apple');
    await pears.hub.send('a pear');
    await apples.hub.send('the last');
    await pears.hub.send('the last');

    await appleReader.received(2);
    await pearReader.received(2);
    expect(appleReader.data).toEqual(['an apple', 'the last']);
    expect(pearReader.data).toEqual(['a pear', 'the last']);
    expect([apples.hub.size, pears.hub.size]).toEqual([1, 1]);
  });

  test('mounts a given hub on any number of routes', async () => {
    const hub = createHub();
    const one = sse({ hub });
    const two = sse({ hub, headers: { 'X-Route': 'two' } });
    const url = await serve(express().get('/one', one).get('/two', two));
    const readers = [await StreamReader.open(`${url}/one`), await StreamReader.open(`${url}/two`)];

    await hub.send('to both');

    for (const reader of readers) await reader.received(1);
    expect(readers.map(({ response }) => response.headers['x-route'])).toEqual([undefined, 'two']);
    expect([one.hub, two.hub]).toEqual([hub, hub]);
    expect(hub.size).toBe(2);
  });

  test('mounts the hub of another route', async () => {
    const first = sse();
    const second = sse({ hub: first.hub });
    const reader = await StreamReader.open(await serve(second));

    await first.hub.send('hello');

    await reader.received(1);
  });

  test('looks like a middleware to Express and Connect, not like an app', () => {
    const stream = sse();

    expect(stream).toBeInstanceOf(Function);
    expect(stream.length).toBeLessThan(4);
    expect(stream).not.toHaveProperty('handle');
    expect(stream).not.toHaveProperty('set');
  });
});

describe('the handler', () => {
  test('never calls next when it opens a stream or turns a client away', async () => {
    const stream = sse();
    const next = jest.fn();
    const url = await serve((req, res) => stream(req, res, next));

    const reader = await StreamReader.open(url);
    await request(url).head('/').expect(200);
    await request(url).get('/').set('Accept', 'image/png').expect(406);
    await stream.hub.close({ final: true });
    await reader.end();
    await request(url).get('/').expect(204);

    expect(next).not.toHaveBeenCalled();
  });

  test('calls next with the error where the response cannot carry a stream', async () => {
    const stream = sse();
    const next = jest.fn();
    const url = await serve((req, res) => {
      res.write('not a stream');
      stream(req, res, (error) => {
        next(error);
        res.end();
      });
    });

    await request(url).get('/').expect(200).expect('not a stream');

    expect(next).toHaveBeenCalledTimes(1);
    expect(next).toHaveBeenCalledWith(expect.objectContaining({ code: 'ERR_SSE_CANNOT_STREAM' }));
    expect(stream.hub.size).toBe(0);
  });

  test('puts its hub on res.locals.stream, beside what is there', async () => {
    const stream = sse();
    const locals: unknown[] = [];
    const app = express();
    app.use((_req, res, next) => {
      Object.assign(res.locals, { user: 42 });
      next();
      locals.push({ ...res.locals });
    });
    app.get('/', stream);

    await StreamReader.open(await serve(app));

    expect(locals).toEqual([{ user: 42, stream: stream.hub }]);
  });

  describe('without a next', () => {
    /** Serves a stream on responses that were spoiled first, by node:http alone. */
    function serveSpoiled(stream: SseHandler, spoil: (res: ServerResponse) => void) {
      return createServer((req, res) => {
        spoil(res);
        stream(req, res);
      });
    }

    test('answers 501 where the response cannot carry a stream', async () => {
      const server = serveSpoiled(sse(), (res) => {
        Object.defineProperty(res, 'flushHeaders', { value: undefined });
      });

      await request(server).get('/').expect(501).expect('');
    });

    test('answers 500 where a header of the option is refused', async () => {
      const server = serveSpoiled(sse({ headers: { 'X-Own': 'yes' } }), (res) => {
        res.setHeader = (name, value) => {
          if (name === 'X-Own') throw new TypeError('refused');
          return Object.getPrototypeOf(res).setHeader.call(res, name, value);
        };
      });

      await request(server).get('/').expect(500);
    });

    test('cuts the connection where the head is sent and nobody would end the response', async () => {
      const server = serveSpoiled(sse(), (res) => res.write('unfinished'));

      await expect(request(server).get('/')).rejects.toThrow('aborted');
    });

    test('leaves a response alone that has ended', async () => {
      const server = serveSpoiled(sse(), (res) => res.end('x'.repeat(10_000_000)));

      const response = await request(server).get('/').expect(200);

      expect(response.text).toHaveLength(10_000_000);
    });
  });
});

describe('locals()', () => {
  test('puts the hub on res.locals.stream for the routes behind it', async () => {
    const stream = sse();
    const app = express();
    app.get('/before', (_req, res) => void res.json('stream' in res.locals));
    app.use(stream.locals());
    app.get('/behind', (_req, res) => void res.json(res.locals.stream === stream.hub));

    await request(app).get('/before').expect('false');
    await request(app).get('/behind').expect('true');
  });

  test('puts it under another name', async () => {
    const orders = sse();
    const stock = sse();
    const app = express();
    app.use(orders.locals('orders'), stock.locals('stock'));
    app.get('/', (_req, res) => {
      const locals: Record<string, unknown> = res.locals;
      res.json([locals.orders === orders.hub, locals.stock === stock.hub, 'stream' in locals]);
    });

    await request(app).get('/').expect('[true,true,false]');
  });

  test.each([[''], [7], [null]])('refuses the name %p', (name) => {
    expect(() => sse().locals(name as string)).toThrow(
      new TypeError(`locals name ${name === '' ? "''" : name}: must be a non-empty string`),
    );
  });
});

describe('sse() refuses', () => {
  function refusal(options: unknown): unknown {
    try {
      return sse(options as SseOptions);
    } catch (error) {
      return error;
    }
  }

  test.each([
    ['options that are none', null, 'options null: must be an object'],
    ['options that are a number', 5, 'options 5: must be an object'],
    [
      'a hub that is none',
      { hub: {} },
      'hub {}: must be a hub, as createHub() or sse().hub gives it',
    ],
    [
      'null for a hub',
      { hub: null },
      'hub null: must be a hub, as createHub() or sse().hub gives it',
    ],
    [
      'options of a hub beside a hub',
      { hub: createHub(), retry: 5, keepAlive: false },
      'retry, keepAlive: only for createHub() or sse() without a hub, and one is mounted here',
    ],
    [
      'headers that are none',
      { headers: 'X' },
      "headers 'X': must be an object from name to value",
    ],
    [
      'a header whose name is none',
      { headers: { 'a b': '1' } },
      `headers { 'a b': '1' }: Header name must be a valid HTTP token ["a b"]`,
    ],
    [
      'a header with a line break',
      { headers: { a: '1\r\nb: 2' } },
      'headers { a: \'1\\r\\nb: 2\' }: Invalid character in header content ["a"]',
    ],
    ['options that are a list', [], 'options []: must be an object'],
    [
      'an option that there is none of, also beside a hub',
      { hub: createHub(), retyr: 5 },
      expect.stringMatching(/^options: there is no option 'retyr', only hub, headers, /),
    ],
    [
      'a hub that opens nothing',
      { hub: { open: true } },
      'hub { open: true }: must be a hub, as createHub() or sse().hub gives it',
    ],
    [
      'the Headers of fetch',
      { headers: new Headers({ a: 'b' }) },
      "headers Headers { a: 'b' }: must be an object from name to value",
    ],
    [
      'a header that is null',
      { headers: { a: null } },
      "headers { a: null }: Invalid value in header content ['a']",
    ],
    [
      'a header that is an object',
      { headers: { a: {} } },
      "headers { a: {} }: Invalid value in header content ['a']",
    ],
    [
      'a header with a line break in one of its values',
      { headers: { a: ['1', '2\n'] } },
      "headers { a: [ '1', '2\\n' ] }: Invalid character in header content [\"a\"]",
    ],
  ])('%s', (_title, options, message) => {
    const error = refusal(options);

    expect(error).toBeInstanceOf(TypeError);
    expect(error).toMatchObject({ message });
  });

  test('to be a middleware itself', async () => {
    const app = express().get('/', sse as unknown as express.RequestHandler);
    app.set('env', 'test');

    const response = await request(app).get('/').expect(500);

    expect(response.text).toContain('sse is no middleware, it makes one');
  });

  test('no option that is undefined', () => {
    const hub: Hub = createHub();

    expect(sse({ hub, retry: undefined, headers: undefined }).hub).toBe(hub);
    expect(sse({ hub: undefined, retry: undefined }).hub).not.toBe(hub);
  });
});

test('hub.close() sets a server free that waits for its streams to end', async () => {
  const stream = sse();
  const server = createServer(stream);
  const reader = await StreamReader.open(await serve(server));
  const closed = once(server, 'close');
  server.close();

  await stream.hub.close();

  await closed;
  await reader.end();
  expect(reader.response.complete).toBe(true);
});
