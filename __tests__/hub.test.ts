import { getEventListeners } from 'node:events';
import { EventSource } from 'eventsource';
import { createHub, type Hub, type HubOptions, sse } from '../lib/index.js';
import { microtasks, turn } from './support/fake-sink.js';
import { texts } from './support/range.js';
import { serve, transports } from './support/server.js';
import { StreamReader } from './support/stream-client.js';

async function serveHub(options: HubOptions = {}): Promise<{ hub: Hub; url: string }> {
  const hub = createHub(options);
  return { hub, url: await serve((req, res) => void hub.open(req, res)) };
}

/** The outcome of each send, in the order in which they were settled. */
function outcomes(sends: Promise<string>[]): string[] {
  const settled: string[] = [];
  sends.forEach((send, index) => {
    send.then(
      () => settled.push(`${index} sent`),
      (reason) => settled.push(`${index} ${reason}`),
    );
  });
  return settled;
}

describe.each(transports)('sending, %s', (_name, through) => {
  test('every client gets every event, in the order of the sends, once', async () => {
    const stream = sse();
    const url = await serve(through(stream));
    const readers = await Promise.all(texts(20).map(() => StreamReader.open(url)));
    for (const number of texts(500)) await stream.hub.sendEvent('count', number);
    for (const reader of readers) {
      await reader.received(500);
      expect(reader.data).toEqual(texts(500));
      expect(reader.events.every((event) => event.type === 'count')).toBe(true);
    }
  });

  test('sends that nobody waits for keep the order of the calls', async () => {
    const stream = sse();
    const reader = await StreamReader.open(await serve(through(stream)));
    for (const number of texts(500)) void stream.hub.send(number);
    await reader.received(500);
    expect(reader.data).toEqual(texts(500));
  });

  test('events of very different sizes stay in order', async () => {
    const stream = sse();
    const reader = await StreamReader.open(await serve(through(stream)));
    const sizes = [1, 70_000, 10, 200_000, 65_536, 3, 1_000_000, 0];
    for (const size of sizes) await stream.hub.send('x'.repeat(size));
    await reader.received(sizes.length);
    expect(reader.data.map((data) => data.length)).toEqual(sizes);
  });
});

describe('sending', () => {
  test('send has the type message', async () => {
    const { hub, url } = await serveHub();
    const reader = await StreamReader.open(url);
    await hub.send({ count: 42 });
    expect(await reader.received(1)).toMatchObject([{ type: 'message', data: '{"count":42}' }]);
  });

  test('a send resolves with the id that the clients see', async () => {
    const { hub, url } = await serveHub();
    const reader = await StreamReader.open(url);
    const ids = [await hub.send('a'), await hub.sendEvent('b')];
    await reader.received(2);
    expect(reader.events.map((event) => event.id)).toEqual(ids);
    const [epoch] = (ids[0] as string).split('.');
    expect(ids).toEqual([`${epoch}.1`, `${epoch}.2`]);
  });

  test('data is read when the send is called: what becomes of the object later changes nothing', async () => {
    const { hub, url } = await serveHub({ requestQueueSize: 1 });
    const reader = await StreamReader.open(url);
    const order = { count: 1 };
    const sends = [hub.send(order), hub.send(order)];
    order.count = 2;
    await Promise.all(sends);
    await reader.received(2);
    expect(reader.data).toEqual(['{"count":1}', '{"count":1}']);
  });

  test.each([
    ['a type with a line break', (hub: Hub) => hub.sendEvent('a\nb', 'x'), TypeError],
    ['a negative retry', (hub: Hub) => hub.sendEvent('a', 'x', { retry: -1 }), RangeError],
    ['data that JSON cannot carry', (hub: Hub) => hub.send(1n), TypeError],
    [
      'a signal that is none',
      (hub: Hub) => hub.send('x', { signal: 'soon' as unknown as AbortSignal }),
      TypeError,
    ],
    ['an option there is none of', (hub: Hub) => hub.send('x', { retyr: 1 } as object), TypeError],
  ])('%s rejects, and nothing of it is sent', async (_what, send, kind) => {
    const { hub, url } = await serveHub();
    const reader = await StreamReader.open(url);
    await expect(send(hub)).rejects.toThrow(kind);
    await hub.send('next');
    await reader.received(1);
    expect(reader.data).toEqual(['next']);
    expect(reader.events[0]?.id).toMatch(/\.1$/);
  });

  test('an event can change how long clients wait before they come back', async () => {
    const { hub, url } = await serveHub();
    const reader = await StreamReader.open(url);
    await hub.sendEvent('a', 'x', { retry: 1234 });
    await reader.received(1);
    expect(reader.text).toContain('event: a\nretry: 1234\ndata: x\nid: ');
  });
});

describe('the request queue', () => {
  test('one event more than fits waits for room, in order', async () => {
    const { hub, url } = await serveHub({ requestQueueSize: 3 });
    const reader = await StreamReader.open(url);
    const sends = texts(5).map((number) => hub.send(number));
    const settled = outcomes(sends);
    await microtasks();
    expect(settled).toEqual(['0 sent', '1 sent', '2 sent']);
    await Promise.all(sends);
    expect(settled).toEqual(texts(5).map((number) => `${number} sent`));
    await reader.received(5);
    expect(reader.data).toEqual(texts(5));
  });

  test('a hub without clients lets the event loop have its turn as well', async () => {
    const { hub } = await serveHub({ requestQueueSize: 1 });
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    while (!turned) await hub.send('x');
  });

  test('a signal ends the wait: the send rejects with its reason and is never delivered', async () => {
    const { hub, url } = await serveHub({ requestQueueSize: 1 });
    const reader = await StreamReader.open(url);
    const abort = new AbortController();
    const sends = [
      hub.send('first'),
      hub.send('abandoned', { signal: abort.signal }),
      hub.send('last'),
    ];
    const settled = outcomes(sends);
    await sends[0];
    abort.abort('no longer wanted');
    await Promise.allSettled(sends);
    expect(settled).toEqual(['0 sent', '1 no longer wanted', '2 sent']);
    await reader.received(2);
    expect(reader.data).toEqual(['first', 'last']);
  });

  test('a signal that is aborted already rejects at once', async () => {
    const { hub } = await serveHub();
    const reason = new Error('too late');
    await expect(hub.send('x', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(await hub.send('first')).toMatch(/\.1$/);
  });

  test('a signal that outlives many sends keeps nothing of them', async () => {
    const { hub } = await serveHub({ requestQueueSize: 1 });
    const { signal } = new AbortController();
    await Promise.all(texts(20).map((number) => hub.send(number, { signal })));
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});

describe('leaveAll', () => {
  test('ends every response after what was accepted, and the hub goes on for new clients', async () => {
    const { hub, url } = await serveHub();
    const readers = await Promise.all(texts(30).map(() => StreamReader.open(url)));
    for (const number of texts(10)) void hub.send(number);
    hub.leaveAll();
    expect(hub.size).toBe(0);
    const late = await StreamReader.open(url);
    await hub.send('after');
    for (const reader of readers) {
      await reader.end();
      expect(reader.response.complete).toBe(true);
      expect(reader.data).toEqual(texts(10));
    }
    await late.received(1);
    expect(late.data).toEqual(['after']);
  });

  test('an EventSource comes back by itself', async () => {
    const { hub, url } = await serveHub({ retry: 1 });
    const source = new EventSource(url);
    try {
      await new Promise((resolve) => source.addEventListener('open', resolve, { once: true }));
      const reopened = new Promise((resolve) => source.addEventListener('open', resolve));
      hub.leaveAll();
      await reopened;
      const message = new Promise<MessageEvent>((resolve) => {
        source.onmessage = resolve;
      });
      await hub.send('welcome back');
      expect((await message).data).toBe('welcome back');
    } finally {
      source.close();
    }
  });
});

describe('a single client', () => {
  test('close() ends its stream, after what was accepted, and no other', async () => {
    const { hub, url } = await serveHub();
    const [first, second] = [await StreamReader.open(url), await StreamReader.open(url)];
    const [client] = hub.clients.values();
    void hub.send('both');
    client?.close();
    client?.close();
    expect(client?.signal.aborted).toBe(false);
    await first.end();
    expect(first.data).toEqual(['both']);
    await hub.send('second only');
    await second.received(2);
    expect(hub.size).toBe(1);
    expect(first.data).toEqual(['both']);
  });

  test('its signal aborts when it is gone', async () => {
    const { hub, url } = await serveHub();
    const reader = await StreamReader.open(url);
    const [client] = hub.clients.values();
    const gone = new Promise((resolve) => client?.signal.addEventListener('abort', resolve));
    expect(client?.signal.aborted).toBe(false);
    reader.destroy();
    await gone;
    expect(hub.size).toBe(0);
  });

  test('each has an id of its own', async () => {
    const { hub, url } = await serveHub();
    for (const _ of texts(3)) await StreamReader.open(url);
    expect(new Set([...hub.clients.values()].map((client) => client.id)).size).toBe(3);
  });
});

describe('coming back', () => {
  const lastEventId = (id: string) => ({ headers: { 'last-event-id': id } });

  test('a client gets what it missed, then what is new, each once', async () => {
    const { hub, url } = await serveHub();
    const ids: string[] = [];
    for (const number of texts(200)) ids.push(await hub.send(number));
    const reader = await StreamReader.open(url, lastEventId(ids[49] as string));
    for (const number of texts(20)) void hub.send(`new ${number}`);
    await reader.received(170);
    expect(reader.data).toEqual([
      ...texts(200).slice(50),
      ...texts(20).map((number) => `new ${number}`),
    ]);
  });

  test('a client that saw no event yet can come back as well', async () => {
    const { hub, url } = await serveHub();
    await hub.send('before');
    const reader = await StreamReader.open(url);
    await reader.until(({ text }) => text.includes('id: '));
    reader.destroy();
    const id = /^id: (.*)$/m.exec(reader.text)?.[1] as string;
    await hub.send('missed');
    const returned = await StreamReader.open(url, lastEventId(id));
    await returned.received(1);
    expect(returned.data).toEqual(['missed']);
  });

  test('what the history no longer holds is told as a gap, with the number of events', async () => {
    const { hub, url } = await serveHub({ history: { events: 5 } });
    const first = await hub.send('first');
    for (const number of texts(12)) await hub.send(number);
    const reader = await StreamReader.open(url, lastEventId(first));
    await reader.received(6);
    expect(reader.events[0]).toMatchObject({
      type: 'gap',
      data: '{"reason":"trimmed","missed":7}',
      id: first.replace(/1$/, '8'),
    });
    expect(reader.data.slice(1)).toEqual(['7', '8', '9', '10', '11']);
  });

  test('an id of another epoch of the log is told as a gap', async () => {
    const { hub, url } = await serveHub({ gapEvent: 'lost' });
    await hub.send('left');
    const reader = await StreamReader.open(`${url}/?lastEventId=another.7`);
    await reader.received(2);
    expect(reader.events).toMatchObject([
      { type: 'lost', data: '{"reason":"epoch"}' },
      { type: 'message', data: 'left' },
    ]);
  });
});

describe('close', () => {
  test('sends what was accepted, tells each client its own time to come back, and ends all', async () => {
    const { hub, url } = await serveHub({ retry: 1000 });
    const readers = await Promise.all(texts(20).map(() => StreamReader.open(url)));
    for (const number of texts(10)) void hub.send(number);
    await hub.close();
    const retries = new Set<number>();
    for (const reader of readers) {
      await reader.end();
      expect(reader.data).toEqual(texts(10));
      const retry = Number(/retry: (\d+)\n\n$/.exec(reader.text)?.[1]);
      expect(retry).toBeGreaterThanOrEqual(1000);
      expect(retry).toBeLessThanOrEqual(2000);
      retries.add(retry);
    }
    expect(retries.size).toBeGreaterThan(1);
  });

  test('further calls return the same promise', async () => {
    const { hub } = await serveHub();
    const closed = hub.close();
    expect(hub.close({ final: true })).toBe(closed);
    await closed;
    expect(hub.close()).toBe(closed);
  });

  test('a send rejects from then on, also one that waited for room', async () => {
    const { hub } = await serveHub({ requestQueueSize: 1 });
    const accepted = hub.send('accepted');
    const waiting = hub.send('waiting');
    const closed = hub.close();
    await expect(accepted).resolves.toMatch(/\.1$/);
    await expect(waiting).rejects.toMatchObject({ name: 'SseError', code: 'ERR_SSE_CLOSED' });
    await expect(hub.send('late')).rejects.toMatchObject({ code: 'ERR_SSE_CLOSED' });
    await closed;
  });

  // An unhandled rejection fails the test.
  test('a send that nobody awaits does not end the process then', async () => {
    const { hub } = await serveHub({ requestQueueSize: 1 });
    void hub.send('accepted');
    void hub.send('waiting');
    const closed = hub.close();
    void hub.send('late');
    await closed;
    for (let turns = 0; turns < 5; turns++) await turn();
  });

  test('a bad option rejects, and the hub stays open', async () => {
    const { hub } = await serveHub();
    await expect(hub.close({ timeout: -1 })).rejects.toThrow(
      'timeout -1: must be a number above 0 and at most 2147483647, in milliseconds',
    );
    await expect(hub.send('x')).resolves.toMatch(/\.1$/);
  });
});

describe('the logger', () => {
  test('hears who comes and who leaves, with the totals', async () => {
    const lines: string[] = [];
    const say = (line: string) => lines.push(line);
    const { hub, url } = await serveHub({ logger: { info: say, warn: say } });
    await StreamReader.open(url);
    const reader = await StreamReader.open(url);
    hub.leaveAll();
    await reader.end();
    expect(lines).toEqual([
      'new listener: total 1',
      'new listener: total 2',
      'listener left: total 1',
      'listener left: total 0',
    ]);
  });

  test.each([
    [
      'throws',
      () => {
        throw new Error('disk full');
      },
    ],
    ['gives a promise that rejects', () => Promise.reject(new Error('disk full'))],
  ])('a logger that %s harms nobody', async (_how, fail) => {
    const { hub, url } = await serveHub({ logger: { info: fail, warn: fail } });
    const reader = await StreamReader.open(url);
    await hub.send('x');
    await reader.received(1);
  });
});
