import { once } from 'node:events';
import { EventSource } from 'eventsource';
import { EventHub } from '../../lib/hub.js';
import { createHub, type HubOptions, type OpenOptions } from '../../lib/index.js';
import { enter } from '../support/enter.js';
import { FakeSink, turn } from '../support/fake-sink.js';
import { serve } from '../support/server.js';
import { StreamReader } from '../support/stream-client.js';

async function serveHub(options: HubOptions, open: OpenOptions = {}) {
  const hub = createHub(options);
  const url = await serve((req, res) => {
    hub.open(req, res, open).catch((error: Error) => {
      res.statusCode = 500;
      res.end(error.message);
    });
  });
  return { hub, url };
}

/** The client of this reader is gone, on the server's side as well. */
async function leave(hub: ReturnType<typeof createHub>, reader: StreamReader): Promise<void> {
  const gone = [...hub.clients.values()].map((client) => once(client.signal, 'abort'));
  reader.destroy();
  await Promise.race(gone);
}

describe('maxClients', () => {
  test('one client more is turned away with a retry that EventSource obeys, and is not counted', async () => {
    const { hub, url } = await serveHub({ maxClients: 2, retry: 100 });
    const readers = [await StreamReader.open(url), await StreamReader.open(url)];
    const refused = await StreamReader.open(url);
    await refused.end();
    expect(refused.response.statusCode).toBe(200);
    expect(refused.text).toMatch(/^retry: 1\d\d\n\n$|^retry: 200\n\n$/);
    expect(hub.size).toBe(2);
    await leave(hub, readers[0] as StreamReader);
    const admitted = await StreamReader.open(url);
    await admitted.until(({ text }) => text.includes('id: '));
    expect(hub.size).toBe(2);
  });

  test("`refuse: 'status'` answers 503, and says when to come back", async () => {
    const { url } = await serveHub({ maxClients: 1, retry: 1000, refuse: 'status' });
    await StreamReader.open(url);
    const refused = await StreamReader.open(url);
    expect(refused.response.statusCode).toBe(503);
    expect(refused.response.headers['retry-after']).toMatch(/^[12]$/);
  });

  test('an EventSource that was turned away comes back when there is room, no sooner than it was told', async () => {
    const { hub, url } = await serveHub({ maxClients: 1, retry: 50 });
    const first = await StreamReader.open(url);
    const attempts: number[] = [];
    const told: number[] = [];
    const source = new EventSource(url, {
      fetch: async (input, init) => {
        attempts.push(performance.now());
        const response = await fetch(input, init);
        const [mine, theirs] = (response.body as ReadableStream<Uint8Array>).tee();
        void new Response(mine).text().then(
          (text) => {
            const retry = /^retry: (\d+)\n\n$/.exec(text)?.[1];
            if (retry !== undefined) told.push(Number(retry));
          },
          () => {},
        );
        return new Response(theirs, response);
      },
    });
    try {
      while (attempts.length < 4) await once(source as unknown as EventTarget, 'error');
      await leave(hub, first);
      const message = new Promise((resolve) => {
        source.onmessage = resolve;
      });
      while (hub.size === 0) await once(source as unknown as EventTarget, 'open');
      await hub.send('you are in');
      await message;
      for (const [index, retry] of told.entries()) {
        const waited = (attempts[index + 1] as number) - (attempts[index] as number);
        expect(waited).toBeGreaterThanOrEqual(retry - 2);
      }
    } finally {
      source.close();
    }
  });

  test('the counts are back at zero after a thousand clients came and went in every way', async () => {
    const { hub, url } = await serveHub(
      { maxClients: 100, maxClientsPerKey: 100 },
      {
        rooms: (req) => {
          if (req.url === '/refused') throw new Error('no');
          return ['a'];
        },
      },
    );
    for (let round = 0; round < 10; round++) {
      const readers = await Promise.all(
        Array.from({ length: 100 }, (_, index) =>
          StreamReader.open(url + (index % 10 === 0 ? '/refused' : '/')),
        ),
      );
      const gone = [...hub.clients.values()].map((client) => once(client.signal, 'abort'));
      expect(hub.size).toBe(90);
      readers.forEach((reader, index) => {
        if (index % 2 === 0) reader.destroy();
      });
      hub.leaveAll();
      await Promise.all(gone);
    }
    expect(hub.size).toBe(0);
    const full = await Promise.all(Array.from({ length: 100 }, () => StreamReader.open(url)));
    expect(hub.size).toBe(100);
    expect(full.every((reader) => reader.response.statusCode === 200)).toBe(true);
  });
});

describe('maxClientsPerKey', () => {
  test('one client more from the same address is told when to reconnect', async () => {
    const { url } = await serveHub({ maxClientsPerKey: 1, retry: 100 });
    await StreamReader.open(url);
    const second = await StreamReader.open(url);
    await second.end();
    expect(second.response.statusCode).toBe(200);
    expect(second.text).toMatch(/^retry: \d{3}\n\n$/);
  });

  test("with `refuse: 'status'` it gets 429", async () => {
    const { hub, url } = await serveHub({ maxClientsPerKey: 1, refuse: 'status' });
    const first = await StreamReader.open(url);
    const second = await StreamReader.open(url);
    expect(second.response.statusCode).toBe(429);
    expect(second.response.headers['retry-after']).toBeDefined();
    await leave(hub, first);
    expect((await StreamReader.open(url)).response.statusCode).toBe(200);
  });

  test('one client too many has those of its key behind a proxy get two heartbeats soon', async () => {
    const { url } = await serveHub(
      { maxClientsPerKey: 2, keepAlive: 2000 },
      { key: (req) => String(req.headers.authorization) },
    );
    const open = (headers: object) => StreamReader.open(url, { headers: { ...headers } });
    const proxied = await open({ authorization: 'ann', 'x-forwarded-for': '192.0.2.1' });
    // The TCP keep-alive looks after these, and a heartbeat that comes early puts it off.
    const direct = await open({ authorization: 'ann' });
    const other = await open({ authorization: 'bob', 'x-forwarded-for': '192.0.2.2' });
    await open({ authorization: 'ann' });
    await proxied.until(({ notices }) => notices.length > 2);
    const typesOf = ({ notices }: StreamReader) => notices.map(({ type }) => type);
    expect(typesOf(proxied)).toEqual(['ready', 'heartbeat', 'heartbeat']);
    expect([direct, other].map(typesOf)).toEqual([['ready'], ['ready']]);
  });

  test('`key` says who is the same', async () => {
    const { url } = await serveHub(
      { maxClientsPerKey: 1, refuse: 'status' },
      { key: (req) => String(req.headers.authorization) },
    );
    const as = (authorization: string) => StreamReader.open(url, { headers: { authorization } });
    const statuses = [];
    for (const user of ['ann', 'bob', 'ann']) statuses.push((await as(user)).response.statusCode);
    expect(statuses).toEqual([200, 200, 429]);
  });
});

describe('maxAge', () => {
  test('a stream ends between 80 and 100 % of it, each at its own time, and nothing is lost', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
    try {
      const hub = new EventHub({ maxAge: 10_000, keepAlive: false });
      const sinks = Array.from({ length: 100 }, () => {
        const sink = new FakeSink();
        enter(hub, sink);
        return sink;
      });
      const ended = () => sinks.filter((sink) => sink.ended).length;
      const advance = async (time: number) => {
        jest.advanceTimersByTime(time);
        // Enough turns of the event loop to end all hundred.
        for (let turns = 0; turns < 100; turns++) await turn();
      };
      await advance(7900);
      expect(ended()).toBe(0);
      await advance(1100);
      expect(ended()).toBeGreaterThan(20);
      expect(ended()).toBeLessThan(80);
      await hub.send('the last for some');
      await advance(1200);
      expect(ended()).toBe(100);
      expect(hub.size).toBe(0);
      const late = sinks.filter((sink) => sink.data.length === 1);
      expect(late.length).toBeGreaterThan(20);
    } finally {
      jest.useRealTimers();
    }
  });
});
