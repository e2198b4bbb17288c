import { once } from 'node:events';
import { request } from 'node:http';
import { createHub, type Hub, type HubOptions, type OpenOptions, sse } from '../lib/index.js';
import { texts } from './support/range.js';
import { serve } from './support/server.js';
import { fetchHead, StreamReader } from './support/stream-client.js';

/** A hub whose clients are in the rooms that their query names: `/?rooms=a,b`. */
async function serveRooms(options: HubOptions = {}, more: OpenOptions = {}) {
  const hub = createHub(options);
  const rooms: OpenOptions['rooms'] = (req) => {
    const query = new URLSearchParams(req.url?.split('?')[1]);
    return query.get('rooms')?.split(',') ?? [];
  };
  const url = await serve((req, res) => void hub.open(req, res, { rooms, ...more }));
  const join = (names: string, lastEventId?: string) =>
    StreamReader.open(`${url}/?rooms=${names}`, {
      headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
    });
  return { hub, url, join };
}

function only<T>(items: Iterable<T>): T {
  const [item, another] = items;
  if (item === undefined || another !== undefined) throw new Error('not exactly one');
  return item;
}

async function end(hub: Hub, reader: StreamReader): Promise<string[]> {
  await hub.send('the end');
  await reader.until(() => reader.data.at(-1) === 'the end');
  return reader.data.slice(0, -1);
}

describe('rooms', () => {
  test('an event for a room reaches the clients in it, and no other', async () => {
    const { hub, join } = await serveRooms();
    const [inA, inB] = [await join('a'), await join('b')];
    await hub.to('a').send('for a');
    await hub.to('b').sendEvent('notice', 'for b');
    expect(await end(hub, inA)).toEqual(['for a']);
    await inB.received(2);
    expect(inB.data).toEqual(['for b', 'the end']);
  });

  test('a client in several of the rooms gets one copy', async () => {
    const { hub, join } = await serveRooms();
    const both = await join('a,b');
    await hub.to('a', 'b', 'a').send('once');
    expect(await end(hub, both)).toEqual(['once']);
  });

  test('events for rooms and for all keep one order', async () => {
    const { hub, join } = await serveRooms();
    const reader = await join('a');
    for (const number of texts(100)) {
      void (Number(number) % 3 === 0 ? hub : hub.to(Number(number) % 3 === 1 ? 'a' : 'b')).send(
        number,
      );
    }
    expect(await end(hub, reader)).toEqual(texts(100).filter((number) => Number(number) % 3 !== 2));
  });

  test('join and leave take effect at once', async () => {
    const { hub, join } = await serveRooms();
    const reader = await join('a');
    const client = only(hub.clients.values());
    await hub.to('b').send('too early');
    client.join('b', 'c');
    expect([...client.rooms]).toEqual(['a', 'b', 'c']);
    await hub.to('b').send('in b');
    await reader.received(1);
    client.leave('b', 'never was there');
    await hub.to('b').send('too late');
    await hub.to('a').send('still in a');
    expect(await end(hub, reader)).toEqual(['in b', 'still in a']);
  });

  test('replay shows what is for the rooms that the client is in now', async () => {
    const { hub, join } = await serveRooms();
    const start = await hub.send('start');
    for (const room of ['a', 'b', 'c']) await hub.to(room).send(`for ${room}`);
    const reader = await join('b,c', start);
    expect(await end(hub, reader)).toEqual(['for b', 'for c']);
  });

  test('what waits for a client that has left the room meanwhile is not sent to it', async () => {
    const { hub, join } = await serveRooms({ requestQueueSize: 100 });
    const reader = await join('secret');
    void hub.to('secret').send('no longer for you');
    only(hub.clients.values()).leave('secret');
    expect(await end(hub, reader)).toEqual([]);
  });

  test('a client that was away is told of a gap only if an event for its rooms was dropped', async () => {
    const { hub, join } = await serveRooms({ history: { events: 3 } });
    const start = await hub.to('a').send('seen');
    for (const number of texts(10)) await hub.to('b').send(number);
    const untouched = await join('a', start);
    expect(await end(hub, untouched)).toEqual([]);
    const concerned = await join('b', start);
    await concerned.received(1);
    expect(concerned.events[0]).toMatchObject({ type: 'gap', data: '{"reason":"trimmed"}' });
  });

  test('an empty room keeps nothing in memory that could be sent to', async () => {
    const { hub, join } = await serveRooms();
    const reader = await join('a');
    const client = only(hub.clients.values());
    reader.destroy();
    await new Promise((resolve) => client.signal.addEventListener('abort', resolve));
    await expect(hub.to('a').send('into the void')).resolves.toMatch(/\.1$/);
  });

  test.each([[''], [7], [undefined]])('%p is no room', async (room) => {
    const { hub, join } = await serveRooms();
    await join('a');
    const name = room as string;
    const message = /^room .*: must be a non-empty string$/;
    expect(() => hub.to(name)).toThrow(message);
    expect(() => only(hub.clients.values()).join(name)).toThrow(message);
  });
});

describe('the option rooms', () => {
  test('may be asynchronous, and a client that leaves meanwhile is not let in', async () => {
    let answer: (rooms: string[]) => void = () => {};
    const asked: (() => void)[] = [];
    const rooms = () =>
      new Promise<string[]>((resolve) => {
        answer = resolve;
        asked.shift()?.();
      });
    const whenAsked = () => new Promise<void>((resolve) => asked.push(resolve));
    const hub = createHub({ maxClients: 1 });
    const url = await serve((req, res) => {
      res.once('close', () => left());
      void hub.open(req, res, { rooms });
    });
    let left: () => void = () => {};
    const whenLeft = new Promise<void>((resolve) => {
      left = resolve;
    });

    let wasAsked = whenAsked();
    const impatient = request(url).on('error', () => {});
    impatient.end();
    await wasAsked;
    impatient.destroy();
    await whenLeft;
    answer(['a']);

    wasAsked = whenAsked();
    const opening = StreamReader.open(url);
    await wasAsked;
    expect(hub.size).toBe(0);
    answer(['a']);
    const reader = await opening;
    await hub.to('a').send('hello');
    await reader.received(1);
    expect(hub.size).toBe(1);
  });

  test('may throw, and what answers instead can be written piece by piece', async () => {
    const stream = sse({
      rooms: () => {
        throw new Error('no session');
      },
    });
    let more: () => void = () => {};
    const url = await serve((req, res) => {
      stream(req, res, (error) => {
        res.statusCode = 401;
        res.write(String(error));
        more = () => res.write(', sorry');
      });
    });

    const response = await fetchHead(url);
    const [piece] = await once(response, 'data');
    more();
    const [rest] = await once(response, 'data');

    expect(`${piece}${rest}`).toBe('Error: no session, sorry');
  });

  test.each<[string, OpenOptions['rooms']]>([
    [
      'throws',
      () => {
        throw new Error('no session');
      },
    ],
    [
      'rejects',
      async () => {
        throw new Error('no session');
      },
    ],
  ])('what it %s becomes the error of the route, before anything is sent', async (_how, rooms) => {
    const stream = sse({ rooms });
    const url = await serve((req, res) =>
      stream(req, res, (error) => {
        res.statusCode = 401;
        res.end(String(error));
      }),
    );
    const reader = await StreamReader.open(url);
    await reader.end();
    expect(reader.response.statusCode).toBe(401);
    expect(reader.text).toBe('Error: no session');
    expect(stream.hub.size).toBe(0);
  });

  test('a list that is none is refused', async () => {
    expect(() => sse({ rooms: 'abc' as unknown as string[] })).toThrow(
      "rooms 'abc': must be a list of strings",
    );
  });
});
