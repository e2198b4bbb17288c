import {
  type AnyEvents,
  type Client,
  createHub,
  type HubOptions,
  type OpenOptions,
  type Start,
} from '../lib/index.js';
import { turn } from './support/fake-sink.js';
import { refusal } from './support/refusal.js';
import { gone, serve } from './support/server.js';
import { StreamReader } from './support/stream-client.js';

async function serveHub(options: HubOptions = {}, open: OpenOptions = {}) {
  const hub = createHub({ keepAlive: false, ...options });
  const url = await serve((req, res) => void hub.open(req, res, open));
  const connect = (id?: string, query = '') =>
    StreamReader.open(`${url}/${query}`, {
      headers: id === undefined ? {} : { 'last-event-id': id },
    });
  return { hub, url, connect };
}

/** The data of what a reader has received, without the hub's own events. */
const dataOf = (reader: StreamReader) =>
  reader.events.filter(({ type }) => type === 'message').map(({ data }) => data);

/** Resolves with what a client receives up to an event that is sent now. */
async function upToNow(hub: { send(data: string): Promise<string> }, reader: StreamReader) {
  await hub.send('now');
  await reader.until(() => dataOf(reader).includes('now'));
  return dataOf(reader);
}

describe('a stream starts', () => {
  test.each<[string, Start | undefined, string[]]>([
    ["with the next event by default, as with 'now'", undefined, ['now']],
    ["with the next event with 'now'", 'now', ['now']],
    ["with all that is kept with 'earliest'", 'earliest', ['1', '2', '3', '4', 'now']],
    ['with the newest two with { last: 2 }', { last: 2 }, ['3', '4', 'now']],
    ['with the next event with { last: 0 }', { last: 0 }, ['now']],
    ['with all there are where more are asked for', { last: 99 }, ['1', '2', '3', '4', 'now']],
  ])('%s', async (_where, start, expected) => {
    const { hub, connect } = await serveHub({ start });
    for (const data of ['1', '2', '3', '4']) await hub.send(data);
    expect(await upToNow(hub, await connect())).toEqual(expected);
  });

  test('behind an event with { after: id }, as if that were its Last-Event-ID', async () => {
    const ids: string[] = [];
    const { hub, connect } = await serveHub({}, { start: () => ({ after: ids[1] as string }) });
    for (const data of ['1', '2', '3', '4']) ids.push(await hub.send(data));
    const reader = await connect();
    expect(await upToNow(hub, reader)).toEqual(['3', '4', 'now']);
    expect(reader.text).toContain('"resumed":true');
  });

  test('with the newest events for its rooms, and for everybody, however many others there are', async () => {
    const { hub, connect } = await serveHub({ start: { last: 3 } }, { rooms: ['a', 'b'] });
    await hub.to('a').send('a');
    await hub.send('all');
    await hub.to('a', 'b').send('both');
    await hub.to('b').send('b');
    for (let count = 0; count < 300; count++) await hub.to('c').send('c');
    expect(await upToNow(hub, await connect())).toEqual(['all', 'both', 'b', 'now']);
  });

  test("with the newest event of each key with 'state', in order, and then with all that follows", async () => {
    const { hub, connect } = await serveHub({ start: 'state' });
    await hub.send('a1', { conflate: 'a' });
    await hub.send('without a key');
    await hub.send('b1', { conflate: 'b' });
    await hub.send('a2', { conflate: 'a' });
    const reader = await connect();
    await hub.send('also without one');
    expect(await upToNow(hub, reader)).toEqual(['b1', 'a2', 'also without one', 'now']);
  });

  test('where the route says, instead of the hub, and where its function says, or its promise', async () => {
    const hub = createHub({ start: 'earliest' });
    const starts: OpenOptions['start'][] = [
      'now',
      () => ({ last: 1 }),
      async () => 'earliest' as const,
      () => undefined,
    ];
    const url = await serve((req, res) => {
      void hub.open(req, res, { start: starts[Number(req.url?.slice(1))] });
    });
    await hub.send('1');
    await hub.send('2');
    const readers = [];
    for (const index of starts.keys()) readers.push(await StreamReader.open(`${url}/${index}`));
    await hub.send('now');
    for (const reader of readers) await reader.until(() => dataOf(reader).includes('now'));
    expect(readers.map(dataOf)).toEqual([['now'], ['2', 'now'], ['1', '2', 'now'], ['now']]);
  });

  test('where its Last-Event-ID says, if it has one', async () => {
    const { hub, connect } = await serveHub({ start: 'earliest' });
    await hub.send('1');
    const id = await hub.send('2');
    await hub.send('3');
    expect(await upToNow(hub, await connect(id))).toEqual(['3', 'now']);
  });

  test('after the gap, where `start` says, if its Last-Event-ID is none', async () => {
    const { hub, connect } = await serveHub({ start: { last: 1 } });
    for (const data of ['1', '2', '3']) await hub.send(data);
    const reader = await connect('no id at all');
    expect(await upToNow(hub, reader)).toEqual(['3', 'now']);
    expect(reader.events.find(({ type }) => type === 'gap')?.data).toBe('{"reason":"malformed"}');
    expect(reader.text.indexOf('event: gap')).toBeLessThan(reader.text.indexOf('data: 3'));
  });

  test('and goes on from there after a cut, without a gap', async () => {
    const { hub, connect } = await serveHub({ start: { last: 2 } });
    for (const data of ['1', '2', '3']) await hub.send(data);
    const first = await connect();
    await first.until(({ text }) => /^id: .*\n\n/m.test(text));
    first.destroy();
    const second = await connect(/^id: (.*)$/m.exec(first.text)?.[1]);
    expect(await upToNow(hub, second)).toEqual(['2', '3', 'now']);
    expect(second.text).not.toContain('event: gap');
  });

  test('with no gap for what was dropped before it came', async () => {
    const { hub, connect } = await serveHub({ start: 'earliest', history: { events: 2 } });
    for (const data of ['1', '2', '3', '4']) await hub.send(data);
    await hub.flushed();
    const reader = await connect();
    expect(await upToNow(hub, reader)).toEqual(['3', '4', 'now']);
    expect(reader.text).not.toContain('event: gap');
  });

  test('with no gap for what its rooms had lost before it came', async () => {
    const history = { events: 1, room: { events: 3 } };
    const { hub, connect } = await serveHub({ start: 'earliest', history }, { rooms: ['a', 'b'] });
    await hub.to('b').send('first');
    for (const data of ['1', '2', '3', '4', '5']) await hub.to('a').send(data);
    await hub.to('c').send('for others');
    await hub.flushed();
    const reader = await connect();
    expect(await upToNow(hub, reader)).toEqual(['first', '3', '4', '5', 'now']);
    expect(reader.text).not.toContain('event: gap');
  });

  test.each([
    [{ last: -1 }, 'start.last -1: must be an integer from 0'],
    [{ last: '20' }, "start.last '20': must be an integer from 0"],
    [{ after: '' }, "start.after '': must be the id of an event, a non-empty string"],
    [{ lst: 20 }, "start: there is no option 'lst', only last, after; did you mean 'last'?"],
  ])('nowhere with %o, which is an error', async (start, message) => {
    expect(refusal(() => createHub({ start: start as Start }))).toContain(message);
    const hub = createHub();
    const opened = new Promise<string>((resolve) => {
      void serve((req, res) => {
        hub.open(req, res, { start: () => start as Start }).catch((error) => {
          resolve(String(error));
          res.end();
        });
      }).then((url) => fetch(url));
    });
    expect(await opened).toContain(message);
  });
});

describe('`position()`', () => {
  test('is the id of the newest event: a page that connects with it misses nothing, and has nothing twice', async () => {
    const { hub, connect } = await serveHub();
    const id = await hub.send('1');
    const position = await hub.position();
    expect(position).toBe(id);
    await hub.send('2');
    expect(await upToNow(hub, await connect(undefined, `?lastEventId=${position}`))).toEqual([
      '2',
      'now',
    ]);
  });

  test('of a log without an event is the place before the first one', async () => {
    const { hub, connect } = await serveHub();
    const position = await hub.position();
    await hub.send('1');
    expect(await upToNow(hub, await connect(position))).toEqual(['1', 'now']);
  });
});

describe('a snapshot', () => {
  /** A route whose snapshot waits, after its first event, until `end` is called. */
  async function serveSnapshot(options: HubOptions = {}) {
    const held = { end: () => {}, fail: (_error: Error) => {}, taken: 0 };
    const ends = () =>
      new Promise<void>((resolve, reject) => {
        held.end = resolve;
        held.fail = reject;
      });
    const served = await serveHub(options, {
      async snapshot(client) {
        const ended = ends();
        held.taken++;
        await client.send(`snapshot ${held.taken}`);
        await ended;
        await client.send('its end');
      },
    });
    return { ...served, held };
  }

  test('comes before all events that are sent meanwhile, and none of those is lost', async () => {
    const { hub, connect, held } = await serveSnapshot();
    await hub.send('before');
    const reader = await connect();
    await reader.until(() => dataOf(reader).length === 1);
    const elsewhere = await serve((req, res) => void hub.open(req, res));
    const other = await StreamReader.open(elsewhere);
    await hub.send('meanwhile');
    await hub.send('meanwhile, too');
    await other.until(() => dataOf(other).length === 2);
    expect(dataOf(reader)).toEqual(['snapshot 1']);
    held.end();
    expect(await upToNow(hub, reader)).toEqual([
      'snapshot 1',
      'its end',
      'meanwhile',
      'meanwhile, too',
      'now',
    ]);
  });

  test('gives no id before its end: a client that is cut off meanwhile gets another one', async () => {
    const { hub, connect, held } = await serveSnapshot({ keepAlive: 20 });
    const reader = await connect();
    await reader.until(() => reader.text.includes('event: heartbeat'));
    expect(reader.text).not.toMatch(/^id:/m);
    reader.destroy();
    const again = await connect();
    await again.until(() => dataOf(again).length === 1);
    expect(dataOf(again)).toEqual(['snapshot 2']);
    held.end();
    await again.until(() => /^id:/m.test(again.text));
    const back = await connect(/^id: (.*)$/m.exec(again.text)?.[1]);
    expect(await upToNow(hub, back)).toEqual(['now']);
  });

  test('is not taken for a client that goes on where it was, and is for one with a gap, from the head', async () => {
    const { hub, connect, held } = await serveSnapshot({ history: { events: 1 } });
    const ids = [];
    for (const data of ['1', '2', '3']) ids.push(await hub.send(data));
    await hub.flushed();
    const resumed = await connect(ids[1]);
    expect(await upToNow(hub, resumed)).toEqual(['3', 'now']);
    expect(held.taken).toBe(0);
    const late = await connect(ids[0]);
    await late.until(() => dataOf(late).length === 1);
    held.end();
    expect(await upToNow(hub, late)).toEqual(['snapshot 1', 'its end', 'now']);
    expect(late.events.find(({ type }) => type === 'gap')?.id).toBeUndefined();
  });

  test('that fails cuts its client off, and the logger receives a line', async () => {
    const lines: string[] = [];
    const logger = { info: () => {}, warn: (line: string) => lines.push(line) };
    const { connect, held } = await serveSnapshot({ logger });
    const reader = await connect();
    await reader.until(() => dataOf(reader).length === 1);
    held.fail(new Error('the database is away'));
    await reader.end();
    expect(lines.join()).toContain('the database is away');
  });

  test('that takes longer than `sendTimeout` cuts its client off, whatever `slowClient` says', async () => {
    const { connect } = await serveSnapshot({ sendTimeout: 100, slowClient: 'skip' });
    const reader = await connect();
    await reader.end();
    expect(dataOf(reader)).toEqual(['snapshot 1']);
  });

  test('during which more events are sent than a client may lag behind cuts its client off', async () => {
    const { hub, connect } = await serveSnapshot({ clientQueueSize: 10 });
    const reader = await connect();
    await reader.until(() => dataOf(reader).length === 1);
    for (let count = 0; count < 11; count++) await hub.send('more');
    await reader.end();
    expect(dataOf(reader)).toEqual(['snapshot 1']);
  });

  test('that is under way when its stream is to end gives no event of the log any more', async () => {
    const { hub, connect } = await serveSnapshot();
    const reader = await connect();
    await reader.until(() => dataOf(reader).length === 1);
    await hub.send('meanwhile');
    await hub.close();
    await reader.end();
    expect(dataOf(reader)).toEqual(['snapshot 1']);
    expect(reader.text).not.toMatch(/^id:/m);
  });
});

describe('`liveEvent`', () => {
  test('comes once, when the client has everything there was, with the id of its place', async () => {
    const { hub, connect } = await serveHub({ liveEvent: 'live', start: 'earliest' });
    await hub.send('1');
    const id = await hub.send('2');
    const reader = await connect();
    await upToNow(hub, reader);
    expect(reader.events.map(({ type, data }) => [type, data])).toEqual([
      ['message', '1'],
      ['message', '2'],
      ['live', '{"resumed":false}'],
      ['message', 'now'],
    ]);
    expect(reader.events.find(({ type }) => type === 'live')?.id).toBe(id);
  });

  test('says whether the stream goes on, and how much was missed', async () => {
    const { hub, connect } = await serveHub({ liveEvent: 'live', history: { events: 1 } });
    const ids = [];
    for (const data of ['1', '2', '3']) ids.push(await hub.send(data));
    await hub.flushed();
    for (const [id, data] of [
      [ids[2], '{"resumed":true}'],
      [ids[0], '{"resumed":true,"missed":1}'],
      ['another.1', '{"resumed":false}'],
    ]) {
      const reader = await connect(id);
      await reader.until(() => reader.text.includes('event: live'));
      expect(reader.events.find(({ type }) => type === 'live')?.data).toBe(data);
    }
  });

  test('comes after the snapshot', async () => {
    const { hub, connect } = await serveHub(
      {},
      { liveEvent: 'live', snapshot: (client) => client.sendEvent('snapshot', 1) },
    );
    const reader = await connect();
    await upToNow(hub, reader);
    expect(reader.events.map(({ type }) => type)).toEqual(['snapshot', 'live', 'message']);
  });
});

describe('a client', () => {
  async function clientOf(id: string | undefined, open: OpenOptions<AnyEvents, { user: string }>) {
    const hub = createHub<AnyEvents, { user: string }>();
    const url = await serve((req, res) => void hub.open(req, res, open));
    const [first, second] = [await hub.sendEvent('a'), await hub.sendEvent('b')];
    const headers = id === undefined ? undefined : { 'last-event-id': id === 'first' ? first : id };
    const reader = await StreamReader.open(url, headers && { headers });
    await reader.until(() => hub.size === 1);
    const [client] = hub.clients.values() as Iterable<Client<AnyEvents, { user: string }>>;
    return { client: client as Client<AnyEvents, { user: string }>, reader, first, second };
  }

  test('has what the route says of it: its key, and its data, with a type of its own', async () => {
    const before = Date.now();
    const { client, reader } = await clientOf(undefined, {
      key: () => 'ada',
      data: async (req) => ({ user: `${req.method} ada` }),
    });
    expect(client.data.user).toBe('GET ada');
    expect(client.key).toBe('ada');
    expect(client.connectedAt.getTime()).toBeGreaterThanOrEqual(before);
    expect([client.lastEventId, client.resumed]).toEqual([undefined, false]);
    reader.destroy();
    await gone(client);
  });

  test('knows whether it goes on where it was', async () => {
    const { client, first } = await clientOf('first', {});
    expect([client.lastEventId, client.resumed]).toEqual([first, true]);
    expect((await clientOf('another.1', {})).client).toMatchObject({
      lastEventId: 'another.1',
      resumed: false,
    });
  });

  test('has its address as its key where the route says nothing', async () => {
    expect((await clientOf(undefined, {})).client.key).toBe('127.0.0.1');
  });

  test('is not let in where `data` throws', async () => {
    const hub = createHub();
    const failures: unknown[] = [];
    const url = await serve((req, res) => {
      const data = () => Promise.reject(new Error('who are you?'));
      hub.open(req, res, { data, rooms: async () => ['a'] }).catch((error) => {
        failures.push(error);
        res.end();
      });
    });
    await (await fetch(url)).text();
    expect(String(failures)).toBe('Error: who are you?');
    expect(hub.stats()).toMatchObject({ connected: 0, opening: 0 });
  });
});

describe('an event', () => {
  test('that is ephemeral reaches those who are connected, and is missed by nobody', async () => {
    const { hub, connect } = await serveHub({ history: { events: 2 } });
    const id = await hub.send('1');
    const there = await connect();
    for (let count = 0; count < 500; count++) await hub.send('typing', { ephemeral: true });
    await hub.send('2');
    expect(await upToNow(hub, there)).toEqual([...Array(500).fill('typing'), '2', 'now']);
    const back = await connect(id);
    expect(await upToNow(hub, back)).toEqual(['2', 'now']);
    expect(back.text).not.toContain('event: gap');
  });

  test('is not for the client that it is to except', async () => {
    const { hub, connect } = await serveHub();
    const one = await connect();
    await one.until(() => hub.size === 1);
    const [client] = hub.clients.values() as Iterable<Client>;
    const other = await connect();
    await hub.send('1', { except: client });
    await hub.send('2', { except: client?.id });
    expect(await upToNow(hub, other)).toEqual(['1', '2', 'now']);
    await one.until(() => dataOf(one).includes('now'));
    expect(dataOf(one)).toEqual(['now']);
  });

  test.each([
    [{ ephemeral: 1 }, 'ephemeral 1: must be a boolean'],
    [{ except: '' }, "except '': must be a client, or the id of one"],
    [{ except: { name: 'ada' } }, "except { name: 'ada' }: must be a client, or the id of one"],
  ])('with %o is an error', async (options, message) => {
    await expect(createHub().send('1', options as object)).rejects.toThrow(message);
  });
});

describe('a subscription', () => {
  /** Collects what a listener is called with, until it has so many. */
  function collect() {
    const seen: {
      id: string;
      type: string;
      data: string;
      rooms?: readonly string[] | undefined;
    }[] = [];
    let check = () => {};
    return {
      seen,
      listener: (event: (typeof seen)[number]) => {
        seen.push(event);
        check();
      },
      until: (count: number) =>
        new Promise<void>((resolve) => {
          check = () => seen.length >= count && resolve();
          check();
        }),
    };
  }

  test('gets every event, with its rooms, as the text that clients receive', async () => {
    const hub = createHub();
    const { seen, listener, until } = collect();
    hub.subscribe(listener);
    const ids = [
      await hub.send('two\nlines'),
      await hub.to('a', 'b').sendEvent('order', { price: 3 }),
      await hub.send('typing', { ephemeral: true }),
    ];
    await until(3);
    expect(seen).toEqual([
      { id: ids[0], type: 'message', data: 'two\nlines', rooms: undefined },
      { id: ids[1], type: 'order', data: '{"price":3}', rooms: ['a', 'b'] },
      { id: ids[2], type: 'message', data: 'typing', rooms: undefined },
    ]);
  });

  test('for rooms gets their events, and those for everybody', async () => {
    const hub = createHub();
    const { seen, listener, until } = collect();
    hub.subscribe(listener, { rooms: ['a'] });
    await hub.to('b').send('b');
    await hub.to('a').send('a');
    await hub.send('all');
    await until(2);
    expect(seen.map(({ data }) => data)).toEqual(['a', 'all']);
  });

  test('behind an id gets what followed, and a gap event for what is not kept', async () => {
    const hub = createHub({ history: { events: 2 } });
    const ids: string[] = [];
    for (const data of ['1', '2', '3', '4']) ids.push(await hub.send(data));
    await hub.flushed();
    await turn();
    const [near, far] = [collect(), collect()];
    hub.subscribe(near.listener, { after: ids[2] as string });
    hub.subscribe(far.listener, { after: ids[0] as string });
    await near.until(1);
    await far.until(3);
    expect(near.seen.map(({ data }) => data)).toEqual(['4']);
    expect(far.seen.map(({ data }) => data)).toEqual(['{"reason":"trimmed","missed":1}', '3', '4']);
  });

  test('that is slow gets one event after the other, and holds up nobody', async () => {
    const { hub, connect } = await serveHub();
    const reader = await connect();
    let go = () => {};
    const waits = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { seen, listener, until } = collect();
    hub.subscribe(async (event) => {
      listener(event);
      await waits;
    });
    await hub.send('1');
    expect(await upToNow(hub, reader)).toEqual(['1', 'now']);
    expect(seen.map(({ data }) => data)).toEqual(['1']);
    go();
    await until(2);
    expect(seen.map(({ data }) => data)).toEqual(['1', 'now']);
  });

  test('that is slow gets the ephemeral events of that time as well', async () => {
    const hub = createHub();
    let go = () => {};
    const waits = new Promise<void>((resolve) => {
      go = resolve;
    });
    const { seen, listener, until } = collect();
    hub.subscribe((event) => {
      listener(event);
      return waits;
    });
    await hub.send('1');
    await until(1);
    await hub.send('typing', { ephemeral: true });
    for (let turns = 0; turns < 5; turns++) await turn();
    await hub.send('2');
    go();
    await until(3);
    expect(seen.map(({ data }) => data)).toEqual(['1', 'typing', '2']);
  });

  test('whose listener throws gets the next event all the same, and the logger a line', async () => {
    const lines: string[] = [];
    const hub = createHub({ logger: { info: () => {}, warn: (line) => lines.push(line) } });
    const { seen, listener, until } = collect();
    hub.subscribe((event) => {
      listener(event);
      throw new Error(`not ${event.data}`);
    });
    await hub.send('1');
    await hub.send('2');
    await until(2);
    expect(seen.map(({ data }) => data)).toEqual(['1', '2']);
    expect(lines.join()).toContain('Error: not 1');
  });

  test('ends when it is ended', async () => {
    const hub = createHub();
    const [one, other] = [collect(), collect()];
    const end = hub.subscribe(one.listener);
    hub.subscribe(other.listener);
    await hub.send('1');
    await other.until(1);
    end();
    await hub.send('2');
    await other.until(2);
    expect(one.seen.map(({ data }) => data)).toEqual(['1']);
  });

  test.each([
    [undefined, {}, 'subscribe listener undefined: must be a function'],
    [() => {}, { room: 'a' }, "there is no option 'room'"],
    [() => {}, { rooms: 'a' }, "rooms 'a': must be a list of strings"],
    [() => {}, { after: 1 }, 'after 1: must be the id of an event'],
  ])('with a bad argument is an error: %p %p', (listener, options, message) => {
    const subscribe = () => createHub().subscribe(listener as () => void, options as object);
    expect(refusal(subscribe)).toContain(message);
  });
});
