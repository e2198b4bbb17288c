import type { RequestListener } from 'node:http';
import { connect as connectTo, createServer, type Socket } from 'node:net';
import {
  type ConnectOptions,
  connect,
  type Stream,
  type StreamError,
  type StreamState,
} from '../../lib/browser/connect.js';
import { createHub, type HubOptions } from '../../lib/index.js';
import { turn } from '../support/fake-sink.js';
import { range } from '../support/range.js';
import { refusal } from '../support/refusal.js';
import { serve } from '../support/server.js';

interface Events {
  order: { id: number };
  message: string;
  gap: { reason: string };
}

const streams: Stream<Events>[] = [];

afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
  jest.restoreAllMocks();
});

function open(url: string, options?: ConnectOptions): Stream<Events> {
  const stream = connect<Events>(url, options);
  streams.push(stream);
  return stream;
}

/** Resolves with what has gone wrong, when the stream is in this state. */
function reaches(stream: Stream<Events>, state: StreamState): Promise<StreamError | undefined> {
  return new Promise((resolve) => {
    const off = stream.onState((now, error) => {
      if (now !== state) return;
      off();
      resolve(error);
    });
  });
}

/** The next so many events of a type. */
async function take<Type extends keyof Events>(
  stream: Stream<Events>,
  type: Type,
  count: number,
): Promise<Events[Type][]> {
  const taken: Events[Type][] = [];
  for await (const data of stream.each(type)) {
    taken.push(data as Events[Type]);
    if (taken.length === count) break;
  }
  return taken;
}

/** A hub that has clients come back at once, and what its requests look like. */
async function start(options: HubOptions = {}) {
  const hub = createHub({ retry: 1, ...options });
  const requests: { method?: string; headers: Record<string, unknown> }[] = [];
  const url = await serve((req, res) => {
    requests.push({ method: req.method ?? '', headers: req.headers });
    void hub.open(req, res);
  });
  return { hub, url, requests };
}

/** Answers each request in turn, and the last one again and again. */
function script(...answers: RequestListener[]): RequestListener {
  let count = 0;
  return (req, res) => answers[Math.min(count++, answers.length - 1)]?.(req, res);
}

const status =
  (code: number, headers: Record<string, string> = {}): RequestListener =>
  (_req, res) =>
    res.writeHead(code, headers).end('<p>Log in</p>');

const events =
  (text: string, headers: Record<string, string> = {}): RequestListener =>
  (_req, res) =>
    void res.writeHead(200, { 'content-type': 'text/event-stream', ...headers }).write(text);

const READY = 'event: ready\ndata: {"heartbeat":false,"resumed":false}\nid: e.0\nretry: 1\n\n';

describe('a stream', () => {
  test('gives the data and the event to each listener, until that ends', async () => {
    const { hub, url } = await start();
    const stream = open(url);
    const seen: unknown[] = [];
    const off = stream.on('order', (order, event) => seen.push(order, event));
    await reaches(stream, 'live');
    const taken = take(stream, 'order', 2);
    const id = await hub.sendEvent('order', { id: 1 });
    while (seen.length === 0) await turn();
    off();
    await hub.sendEvent('order', { id: 2 });
    expect(await taken).toEqual([{ id: 1 }, { id: 2 }]);
    expect(seen).toEqual([{ id: 1 }, { id, type: 'order', data: '{"id":1}' }]);
    expect(stream.lastEventId).not.toBe(id);
  });

  test('parses JSON, and leaves text as it is; parse says otherwise', async () => {
    const url = await serve(events(`${READY}data: {"a":1}\n\ndata: hello\n\n`));
    expect(await take(open(url), 'message', 2)).toEqual([{ a: 1 }, 'hello']);
    const parse = (text: string, type: string) => `${type} ${text}`;
    expect(await take(open(url, { parse }), 'message', 1)).toEqual(['message {"a":1}']);
  });

  test('loses and doubles nothing, however often it is cut', async () => {
    const { hub, url } = await start();
    const stream = open(url);
    const all = take(stream, 'order', 200);
    await reaches(stream, 'live');
    for (const id of range(200)) {
      await hub.sendEvent('order', { id });
      if (id % 20 === 0) hub.leaveAll();
    }
    expect((await all).map(({ id }) => id)).toEqual(range(200));
  });

  test('asks for its headers anew for each connection, and says where it was', async () => {
    const { hub, url, requests } = await start();
    let count = 0;
    const stream = open(url, { headers: async () => ({ authorization: `token ${++count}` }) });
    await reaches(stream, 'live');
    hub.leaveAll();
    await reaches(stream, 'live');
    expect(requests.map(({ headers }) => headers.authorization)).toEqual(['token 1', 'token 2']);
    expect(requests[0]?.headers['last-event-id']).toBeUndefined();
    expect(requests[1]?.headers['last-event-id']).toMatch(/\.0$/);
  });

  test('begins behind lastEventId', async () => {
    const { url, requests } = await start();
    const stream = open(url, { lastEventId: 'e.7' });
    expect((await take(stream, 'gap', 1))[0]).toEqual({ reason: 'epoch' });
    expect(requests[0]?.headers['last-event-id']).toBe('e.7');
  });

  test('says in order what becomes of it, and what it has missed', async () => {
    const { hub, url } = await start({ liveEvent: 'live', history: { events: 1 } });
    const before = await hub.send('1');
    for (const text of ['2', '3']) await hub.send(text);
    const stream = open(url, { lastEventId: before });
    const seen: string[] = [];
    stream.onState((state, error) => seen.push(error === undefined ? state : `${state}!`));
    stream.on('gap', ({ reason }) => seen.push(`gap ${reason}`));
    stream.on('message', (text) => seen.push(`${text}`));
    await reaches(stream, 'live');
    hub.leaveAll();
    await reaches(stream, 'live');
    stream.close();
    expect(seen).toEqual([
      ...['replaying', 'gap trimmed', '3', 'live'],
      ...['waiting!', 'connecting', 'replaying', 'live', 'closed'],
    ]);
  });

  test('asks for its headers once more after 401, and ends with the second one', async () => {
    const url = await serve(script(status(401), status(401), status(500)));
    const headers = jest.fn(async () => ({}));
    const error = await reaches(open(url, { headers }), 'closed');
    expect(error).toMatchObject({ name: 'StreamError', status: 401 });
    expect(error?.message).toBe(`${url}/: the server refuses this user (401)`);
    expect(headers).toHaveBeenCalledTimes(2);
    const again = await serve(script(status(403), events(READY), status(500)));
    await reaches(open(again, { headers }), 'live');
    const fixed = await serve(script(status(401), events(READY)));
    expect(await reaches(open(fixed, { headers: { a: 'b' } }), 'closed')).toMatchObject({
      status: 401,
    });
  });

  test('ends with 204, and not as an error', async () => {
    expect(await reaches(open(await serve(status(204))), 'closed')).toBeUndefined();
  });

  test.each([500, 502, 503, 429, 408])('tries again after %d', async (code) => {
    jest.spyOn(Math, 'random').mockReturnValue(0);
    const url = await serve(script(status(code, { 'retry-after': '0' }), events(READY)));
    const stream = open(url);
    const waited = reaches(stream, 'waiting');
    await reaches(stream, 'live');
    expect(await waited).toMatchObject({ status: code });
  });

  test.each([400, 404, 410])('ends with %d', async (code) => {
    const error = await reaches(open(await serve(status(code))), 'closed');
    expect(error).toMatchObject({ status: code });
  });

  test('says so when it is led to a page to log in, or gets something else', async () => {
    const html = { 'content-type': 'text/html; charset=utf-8' };
    const url = await serve((req, res) => {
      if (req.url === '/login') status(200, html)(req, res);
      else res.writeHead(302, { location: '/login' }).end();
    });
    expect((await reaches(open(url), 'closed'))?.message).toBe(
      `${url}/login: the server redirects to a page, to log in perhaps: must be text/event-stream, and is text/html; charset=utf-8`,
    );
    const json = await serve(status(200, { 'content-type': 'application/json' }));
    expect((await reaches(open(json), 'closed'))?.message).toBe(
      `${json}/: must be text/event-stream, and is application/json`,
    );
  });

  test('comes when the server does', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0);
    let isThere = false;
    const url = await serve((req, res) => {
      if (isThere) events(READY)(req, res);
      else res.destroy();
    });
    const stream = open(url);
    expect((await reaches(stream, 'waiting'))?.message).toContain('fetch failed');
    isThere = true;
    await reaches(stream, 'live');
  });

  test('waits for the network where the device is offline, and comes as soon as it is online', async () => {
    const page = globalThis as Record<string, unknown>;
    const { navigator } = page;
    let online = () => {};
    Object.assign(page, {
      addEventListener: (type: string, listener: () => void) => {
        if (type === 'online') online = listener;
      },
      removeEventListener() {},
    });
    const setOnline = (onLine: boolean) =>
      Object.defineProperty(page, 'navigator', { value: { onLine }, configurable: true });
    try {
      setOnline(false);
      // The next attempt would be due in a minute at the earliest.
      const away = status(503, { 'retry-after': '60' });
      const stream = open(await serve(script(away, events(READY))));
      await reaches(stream, 'offline');
      setOnline(true);
      const live = reaches(stream, 'live');
      online();
      await live;
    } finally {
      delete page.addEventListener;
      delete page.removeEventListener;
      Object.defineProperty(page, 'navigator', { value: navigator, configurable: true });
    }
  });

  test('that is dead is noticed by its heartbeats, and opened anew', async () => {
    jest.spyOn(Math, 'random').mockReturnValue(0);
    const dead = READY.replace('"heartbeat":false', '"heartbeat":50');
    const url = await serve(script(events(dead), events(`${READY}data: alive\n\n`)));
    const stream = open(url);
    const waited = reaches(stream, 'waiting');
    expect(await take(stream, 'message', 1)).toEqual(['alive']);
    expect((await waited)?.message).toContain('nothing has come for too long');
  });

  test('whose proxy drops all packets from now on connects once more, and has missed nothing', async () => {
    const { hub, url, requests } = await start({ keepAlive: 1000 });
    const lines: Socket[] = [];
    const proxy = createServer((near) => {
      const far = connectTo(Number(new URL(url).port), '127.0.0.1');
      lines.push(near, far);
      near.on('error', () => far.destroy()).pipe(far);
      far.on('error', () => near.destroy()).pipe(near);
    });
    const stream = open(await serve(proxy));
    const all = take(stream, 'order', 2);
    await reaches(stream, 'live');
    await hub.sendEvent('order', { id: 1 });
    const waits = reaches(stream, 'waiting');
    for (const line of lines.splice(0)) line.unpipe().pause();
    await hub.sendEvent('order', { id: 2 });
    expect((await waits)?.message).toContain('nothing has come for too long');
    expect(await all).toEqual([{ id: 1 }, { id: 2 }]);
    for (const _beat of range(3)) await take(stream, 'heartbeat' as 'message', 1);
    expect(requests).toHaveLength(2);
    for (const line of lines) line.destroy();
  });

  test('that is quiet lives on by the heartbeats of a hub', async () => {
    const { hub, url, requests } = await start({ keepAlive: 1000 });
    const stream = open(url);
    await reaches(stream, 'live');
    for (const _beat of range(3)) await take(stream, 'heartbeat' as 'message', 1);
    await hub.send('still');
    expect(requests).toHaveLength(1);
  });

  test('whose listener throws goes on, for the others as well', async () => {
    const reported = jest.spyOn(console, 'error').mockImplementation(() => {});
    const { hub, url } = await start();
    const stream = open(url);
    const error = new Error('mine');
    stream.on('message', () => {
      throw error;
    });
    const taken = take(stream, 'message', 2);
    await reaches(stream, 'live');
    await hub.send('1');
    await hub.send('2');
    expect(await taken).toEqual([1, 2]);
    expect(reported).toHaveBeenCalledWith(error);
  });

  test('whose parse throws goes on with the next event', async () => {
    const reported = jest.spyOn(console, 'error').mockImplementation(() => {});
    const url = await serve(events(`${READY}data: wrong\n\ndata: right\n\n`));
    const error = new Error('mine');
    const parse = (text: string) => {
      if (text === 'wrong') throw error;
      return text;
    };
    expect(await take(open(url, { parse }), 'message', 1)).toEqual(['right']);
    expect(reported.mock.calls).toEqual([[error]]);
  });

  test('is read no faster than its loops are, and nothing is lost', async () => {
    const { hub, url } = await start({ clientQueueSize: Infinity, clientQueueBytes: Infinity });
    const stream = open(url);
    const loop = stream.each('order');
    await reaches(stream, 'live');
    const text = 'x'.repeat(10_000);
    // More than all buffers on the way can hold.
    for (const id of range(3000)) await hub.sendEvent('order', { id, text });
    expect(hub.stats().lag).toBeGreaterThan(0);
    for (const id of range(3000)) {
      const { value } = await loop.next();
      if (value?.id !== id) throw new Error(`${value?.id} came, and not ${id}`);
    }
  });

  test('of a POST is not asked for twice', async () => {
    const requests: string[] = [];
    const url = await serve((req, res) => {
      requests.push(`${req.method} ${req.url}`);
      res.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: 1\n\n');
    });
    const stream = open(`${url}/ask`, { method: 'POST', body: '{}' });
    expect((await reaches(stream, 'closed'))?.message).toBe(`${url}/ask: the stream has ended`);
    expect(requests).toEqual(['POST /ask']);
  });

  test('of a POST with a Content-Location goes on there', async () => {
    const requests: string[] = [];
    const url = await serve((req, res) => {
      requests.push(`${req.method} ${req.url} ${req.headers['last-event-id']}`);
      const headers = { 'content-type': 'text/event-stream', 'content-location': '/answers/7' };
      if (req.method === 'POST') res.writeHead(200, headers).end(`${READY}data: 1\nid: e.1\n\n`);
      else if (requests.length < 3)
        res.writeHead(200, headers).end('event: done\ndata: {}\nid: e.2\n\n');
      else res.writeHead(204).end();
    });
    const stream = open(`${url}/ask`, { method: 'POST', body: '{}' });
    expect(await reaches(stream, 'closed')).toBeUndefined();
    expect(requests).toEqual(['POST /ask undefined', 'GET /answers/7 e.1', 'GET /answers/7 e.2']);
  });

  test('ends its loops when it is closed, and connects no more', async () => {
    const { hub, url, requests } = await start();
    const stream = open(url);
    await reaches(stream, 'live');
    const taken = take(stream, 'order', 5);
    stream.close();
    expect(await taken).toEqual([]);
    expect(await take(stream, 'order', 1)).toEqual([]);
    while (hub.size > 0) await turn();
    expect(stream.state).toBe('closed');
    expect(requests).toHaveLength(1);
  });

  test.each<[string, () => unknown]>([
    ['TypeError: connect url 7: must be a string or a URL', () => connect(7 as never)],
    [
      "TypeError: connect options: there is no option 'header', only",
      () => connect('/', { header: {} } as object),
    ],
    [
      'TypeError: headers x: must be of type object or function',
      () => connect('/', { headers: 'x' as never }),
    ],
    ['TypeError: connect options null: must be an object', () => connect('/', null as never)],
  ])('with a bad argument is an error: %s', (message, call) => {
    expect(refusal(call)).toContain(message);
  });
});
