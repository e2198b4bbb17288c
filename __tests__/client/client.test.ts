import { getEventListeners } from 'node:events';
import { EventHub } from '../../lib/hub.js';
import { type Client, createHub, type HubOptions, type OpenOptions } from '../../lib/index.js';
import { enter } from '../support/enter.js';
import { FakeSink, turn } from '../support/fake-sink.js';
import { heldBytes } from '../support/memory.js';
import { texts } from '../support/range.js';
import { serve } from '../support/server.js';
import { StreamReader } from '../support/stream-client.js';

async function connect(options: HubOptions = {}, open: OpenOptions = {}) {
  const hub = createHub(options);
  const url = await serve((req, res) => void hub.open(req, res, open));
  const reader = await StreamReader.open(url);
  await reader.until(() => hub.size === 1);
  const [client] = hub.clients.values() as Iterable<Client>;
  return { hub, url, reader, client: client as Client };
}

function fake(hub: EventHub): { sink: FakeSink; client: Client } {
  const sink = new FakeSink();
  return { sink, client: enter(hub, sink) };
}

describe('sending to one client', () => {
  test('an event reaches it alone, with the place that it was sent at', async () => {
    const { hub, url, reader, client } = await connect();
    const other = await StreamReader.open(url);
    const sends = [
      hub.send('1'),
      client.send('2'),
      client.sendEvent('typed', { three: 3 }),
      hub.send('4'),
      client.send('5'),
    ];
    await Promise.all(sends);
    await reader.received(5);
    await other.received(2);
    expect(reader.data).toEqual(['1', '2', '{"three":3}', '4', '5']);
    expect(reader.events[2]?.type).toBe('typed');
    expect(other.data).toEqual(['1', '4']);
  });

  test('it leaves the place of the client in the log alone, unless it has an id of its own', async () => {
    const { hub, reader, client } = await connect();
    const id = await hub.send('logged');
    await client.send('direct');
    await client.send('own', { id: 'mine-1' });
    await reader.received(3);
    expect(reader.events.map((event) => event.id)).toEqual([id, undefined, 'mine-1']);
  });

  test('it resolves when the peer takes more, not earlier', async () => {
    const hub = new EventHub({});
    const { sink, client } = fake(hub);
    sink.open = false;
    let resolved = false;
    const sent = client.send('x').then(() => {
      resolved = true;
    });
    for (let turns = 0; turns < 5; turns++) await turn();
    expect(sink.data).toEqual(['x']);
    expect(resolved).toBe(false);
    sink.drain();
    await sent;
  });

  test('a large event is sent when all of it is', async () => {
    const hub = new EventHub({});
    const { sink, client } = fake(hub);
    let resolved = false;
    sink.onWrite = () => {
      sink.open = false;
    };
    const sent = client.send('x'.repeat(150_000)).then(() => {
      resolved = true;
    });
    for (const part of [1, 2, 3]) {
      await turn();
      await turn();
      expect([part, resolved]).toEqual([part, false]);
      sink.drain();
    }
    await sent;
    expect(sink.data[0]).toHaveLength(150_000);
  });

  test('it resolves when the client is gone, as nobody could receive it', async () => {
    const hub = new EventHub({});
    const { sink, client } = fake(hub);
    sink.open = false;
    const sends = [client.send('a')];
    await turn();
    sends.push(client.send('b'));
    sink.owner.closed();
    await Promise.all([...sends, client.send('c')]);
    expect(sink.data).toEqual(['a']);
  });

  test('events for a client that takes none count towards its bounds', async () => {
    const hub = new EventHub({ clientQueueSize: 3 });
    const { sink, client } = fake(hub);
    sink.open = false;
    void client.send('parks it');
    await turn();
    for (const number of texts(3)) void client.send(number);
    expect(hub.size).toBe(1);
    void client.send('one too many');
    expect(hub.size).toBe(0);
    expect(sink.destroyed).toBe(true);
  });

  test.each([
    ['a type with a line break', (client: Client) => client.sendEvent('a\nb', ''), 'event type'],
    ['an id with a line break', (client: Client) => client.send('', { id: 'a\nb' }), "id 'a\\nb'"],
    ['an id beyond ASCII', (client: Client) => client.send('', { id: 'ü' }), 'printable ASCII'],
    ['data that JSON cannot carry', (client: Client) => client.send(1n), 'BigInt'],
  ])('%s rejects', async (_what, send, message) => {
    const { client } = await connect();
    await expect(send(client)).rejects.toThrow(message);
  });

  test('the hub knows its clients by their ids, and so can end any of them', async () => {
    const { hub, reader, client } = await connect();
    hub.clients.get(client.id)?.close();
    await reader.end();
    expect(hub.clients.get(client.id)).toBeUndefined();
  });
});

describe('onConnect', () => {
  test('what it sends comes before every event that is accepted later', async () => {
    const { hub, reader } = await connect(
      {},
      {
        onConnect: (client) => client.sendEvent('snapshot', 'now'),
      },
    );
    await hub.send('later');
    await reader.received(2);
    expect(reader.data).toEqual(['now', 'later']);
  });

  test('it knows the request, and may join rooms', async () => {
    const { hub, reader } = await connect(
      {},
      {
        onConnect: (client, req) => client.join(`path:${req.url}`),
      },
    );
    await hub.to('path:/').send('hello');
    await reader.received(1);
  });

  test('what it throws is logged, and harms no stream', async () => {
    const lines: string[] = [];
    const { hub, reader } = await connect(
      { logger: { info: () => {}, warn: (line) => lines.push(line) } },
      {
        onConnect: async () => {
          throw new Error('broken');
        },
      },
    );
    await hub.send('x');
    await reader.received(1);
    expect(lines[0]).toMatch(/^onConnect failed for client .*: Error: broken/);
  });
});

describe('sendFrom', () => {
  test('sends all that an async iterable gives, in order, and resolves', async () => {
    const { reader, client } = await connect();
    async function* tokens() {
      for (const token of ['Once', ' upon', ' a time']) yield token;
    }
    await client.sendFrom(tokens(), { type: 'token' });
    await reader.received(3);
    expect(reader.events.map(({ type, data }) => [type, data])).toEqual([
      ['token', 'Once'],
      ['token', ' upon'],
      ['token', ' a time'],
    ]);
  });

  test('takes web streams and plain iterables as well', async () => {
    const { reader, client } = await connect();
    await client.sendFrom(ReadableStream.from(['a', 'b']));
    await client.sendFrom(new Set([1, 2]));
    await reader.received(4);
    expect(reader.data).toEqual(['a', 'b', '1', '2']);
  });

  test('pulls nothing while the client takes nothing', async () => {
    const hub = new EventHub({});
    const { sink, client } = fake(hub);
    let pulled = 0;
    async function* source() {
      for (;;) yield ++pulled;
    }
    sink.onWrite = () => {
      sink.open = sink.data.length < 10;
    };
    void client.sendFrom(source());
    while (sink.data.length < 10) await turn();
    for (let turns = 0; turns < 50; turns++) await turn();
    expect(pulled).toBe(10);
    sink.owner.closed();
  });

  test('bytes are one text, wherever a chunk ends', async () => {
    const text = 'Grüße, 世界 🌍\r\nsecond line\rthird\n\uFEFFend\r';
    const bytes = Buffer.from(text);
    for (let size = 1; size <= 5; size++) {
      const { reader, client } = await connect();
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      await client.sendFrom(chunks);
      await client.send('end');
      await reader.until(({ data }) => data.at(-1) === 'end');
      expect(reader.data.slice(0, -1).join('')).toBe(text.replace(/\r\n?/g, '\n'));
    }
  });

  test('bytes that end within a character keep their place before what follows', async () => {
    const { reader, client } = await connect();
    const cut = Buffer.from('a€').subarray(0, 3);
    await client.sendFrom([cut, 'text', new Uint8Array([0x62]).buffer, cut]);
    await reader.received(6);
    expect(reader.data).toEqual(['a', '\uFFFD', 'text', 'b', 'a', '\uFFFD']);
  });

  test('a slow reader slows the source: 100 MB go through, and memory stays flat', async () => {
    const { reader, client } = await connect();
    const block = 'x'.repeat(64 * 1024);
    const before = heldBytes();
    const held: number[] = [];
    let received = 0;
    let furthestAhead = 0;
    async function* source() {
      for (let count = 0; count < 1600; count++) {
        if (count % 200 === 0) held.push(heldBytes() - before);
        furthestAhead = Math.max(furthestAhead, count * block.length - received);
        yield block;
      }
    }
    reader.response.removeAllListeners('data');
    reader.response.on('data', (part: string) => {
      received += part.length;
    });
    await client.sendFrom(source());
    client.close();
    await reader.end();
    expect(received).toBeGreaterThan(1600 * block.length);
    // What the kernel buffers on both sides, a few MB, is all that lies between them.
    expect(furthestAhead).toBeLessThan(25 * 1024 * 1024);
    expect(Math.max(...held)).toBeLessThan(25 * 1024 * 1024);
  });

  test.each([
    ['a generator that is asked for the next value', 'between'],
    ['a source that never gives its next value', 'pending'],
  ])('when the client goes, return() is called on %s', async (_what, kind) => {
    const { reader, client } = await connect();
    let returned: () => void = () => {};
    const wasReturned = new Promise<void>((resolve) => {
      returned = resolve;
    });
    const iterator = {
      async next() {
        if (kind === 'pending') await new Promise(() => {});
        await turn();
        return { done: false, value: 'x' };
      },
      async return() {
        returned();
        return { done: true, value: undefined };
      },
    };
    const done = client.sendFrom({
      [Symbol.asyncIterator]: () => iterator,
    } as AsyncIterable<string>);
    reader.destroy();
    await Promise.all([done, wasReturned]);
    expect(client.signal.aborted).toBe(true);
  });

  test('ends an endless source when the client is told to leave', async () => {
    const { hub, reader, client } = await connect();
    let returned = false;
    function* source() {
      try {
        for (let count = 0; ; count++) yield count;
      } finally {
        returned = true;
      }
    }
    const done = client.sendFrom(source());
    await reader.received(100);
    await hub.close();
    await done;
    expect(returned).toBe(true);
    await client.sendFrom(source());
    await reader.end();
  });

  test('rejects with what the source throws, and the stream goes on', async () => {
    const { reader, client } = await connect();
    async function* source() {
      yield 'a';
      throw new Error('model overloaded');
    }
    await expect(client.sendFrom(source())).rejects.toThrow('model overloaded');
    await client.send('sorry');
    await reader.received(2);
  });

  test('rejects for a value that cannot be sent, and closes the source', async () => {
    const { client } = await connect();
    let closed = false;
    async function* source() {
      try {
        yield 1n;
      } finally {
        closed = true;
      }
    }
    await expect(client.sendFrom(source())).rejects.toThrow(TypeError);
    expect(closed).toBe(true);
  });

  test('refuses what is not iterable', async () => {
    const { client } = await connect();
    await expect(client.sendFrom(7 as unknown as [])).rejects.toThrow(
      'sendFrom source 7: must be an iterable or async iterable',
    );
  });

  test('many calls leave no listeners behind on the signal', async () => {
    const { client } = await connect();
    for (let count = 0; count < 20; count++) await client.sendFrom(['x']);
    expect(getEventListeners(client.signal, 'abort')).toHaveLength(0);
  });
});

describe('conflation', () => {
  const prices = (hub: EventHub, count: number, keys: number) =>
    Promise.all(
      texts(count).map((number) => {
        const key = `key${Number(number) % keys}`;
        return hub.sendEvent('price', `${key}=${number}`, { conflate: key });
      }),
    );

  test('a client that keeps up gets each', async () => {
    const hub = new EventHub({});
    const { sink } = fake(hub);
    await prices(hub, 100, 3);
    await hub.flushed();
    expect(sink.data).toHaveLength(100);
  });

  test('one that lags gets the newest of each key, in order, and is not slow because of the others', async () => {
    const hub = new EventHub({ clientQueueSize: 10, history: { events: 20 } });
    const { sink } = fake(hub);
    sink.open = false;
    await hub.send('parks it');
    await turn();
    await prices(hub, 1000, 5);
    expect(hub.size).toBe(1);
    sink.drain();
    await hub.flushed();
    expect(sink.data).toEqual([
      'parks it',
      'key0=995',
      'key1=996',
      'key2=997',
      'key3=998',
      'key4=999',
    ]);
    expect(sink.text).not.toContain('gap');
  });

  test('keys of different rooms have nothing to do with each other', async () => {
    const hub = new EventHub({});
    const sink = new FakeSink();
    enter(hub, sink, { rooms: ['a'] });
    sink.open = false;
    await hub.send('parks it');
    await turn();
    await hub.to('a').send('for a', { conflate: 'key' });
    await hub.to('b').send('for b', { conflate: 'key' });
    sink.drain();
    await hub.flushed();
    expect(sink.data).toEqual(['parks it', 'for a']);
  });

  test('the order of the rooms, and naming one twice, make no other key', async () => {
    const hub = new EventHub({});
    const sink = new FakeSink();
    enter(hub, sink, { rooms: ['a'] });
    sink.open = false;
    await hub.send('parks it');
    await turn();
    await hub.to('a', 'b').send('older', { conflate: 'key' });
    await hub.to('b', 'a', 'b').send('newer', { conflate: 'key' });
    sink.drain();
    await hub.flushed();
    expect(sink.data).toEqual(['parks it', 'newer']);
  });

  test('a key is a non-empty string', async () => {
    const hub = new EventHub({});
    await expect(hub.send('x', { conflate: '' })).rejects.toThrow(
      "conflate '': must be a non-empty string",
    );
  });
});
