import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createHub } from '../lib/index.js';
import { texts } from './support/range.js';
import { openStalled, StreamReader } from './support/stream-client.js';

async function start(options = {}) {
  const hub = createHub(options);
  const server = createServer((req, res) => void hub.open(req, res));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { hub, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('closing', () => {
  test('in the middle of a burst to 1000 clients: each has all that was accepted, then the server closes', async () => {
    // Far more time than it takes, for machines that are busy with something else as well.
    const { hub, server, url } = await start({ sendTimeout: 60_000 });
    const readers: StreamReader[] = [];
    for (const _ of texts(10)) {
      readers.push(...(await Promise.all(texts(100).map(() => StreamReader.open(url)))));
    }
    expect(hub.size).toBe(1000);
    let accepted = 0;
    const outcomes = await Promise.allSettled([
      ...texts(300).map(async (number) => {
        await hub.send(number);
        accepted++;
        if (accepted === 50) void hub.close({ timeout: 60_000 });
      }),
    ]);
    await hub.close();
    const closed = once(server, 'close');
    server.close();
    await closed;
    expect(accepted).toBeGreaterThanOrEqual(50);
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(300 - accepted);
    expect(accepted).toBeLessThan(300);
    for (const reader of readers) {
      await reader.end();
      expect(reader.data).toEqual(texts(accepted));
    }
  });

  test('who has not taken everything by the timeout is cut off, and close resolves', async () => {
    const { hub, server, url } = await start({
      clientQueueBytes: Infinity,
      sendTimeout: 86_400_000,
    });
    await openStalled(url);
    const reader = await StreamReader.open(url);
    for (const number of texts(200)) await hub.send(number + 'x'.repeat(64 * 1024));
    await reader.received(200);
    await hub.close({ timeout: 200 });
    await reader.end();
    expect(reader.events).toHaveLength(200);
    expect(hub.size).toBe(0);
    const closed = once(server, 'close');
    server.close();
    await closed;
  });
});

describe('flushed', () => {
  test('resolves at once where nobody waits for anything', async () => {
    const { hub, server } = await start();
    await hub.flushed();
    server.close();
  });

  test('resolves when everybody has what was accepted, or is given up', async () => {
    const { hub, server, url } = await start({ sendTimeout: 200, clientQueueBytes: Infinity });
    await openStalled(url);
    const reader = await StreamReader.open(url);
    for (const number of texts(200)) await hub.send(number + 'x'.repeat(64 * 1024));
    expect(hub.stats().lag).toBeGreaterThan(0);
    await hub.flushed();
    expect(hub.stats()).toMatchObject({ connected: 1, lag: 0, evicted: 1 });
    await reader.received(200);
    await hub.close();
    server.close();
  });
});

test("`flushed` waits for no client that is stalled, under `slowClient: 'skip'`, once its events are dropped", async () => {
  const { hub, server, url } = await start({
    slowClient: 'skip',
    clientQueueSize: 2,
    sendTimeout: 300,
    history: { events: 5 },
  });
  const stalled = await openStalled(url);
  const data = 'x'.repeat(1_000_000);
  while (hub.stats().dropped === 0) await hub.send(data);
  await hub.flushed();
  await hub.send('small');
  await hub.flushed();
  expect(hub.size).toBe(1);
  stalled.destroy();
  await hub.close();
  server.close();
});

test('stats count what the hub has done', async () => {
  const { hub, server, url } = await start({ retry: false });
  const readers = [await StreamReader.open(url), await StreamReader.open(url)];
  const first = await hub.send('1');
  await hub.send('2');
  await hub.flushed();
  const back = await StreamReader.open(url, { headers: { 'last-event-id': first } });
  const lost = await StreamReader.open(url, { headers: { 'last-event-id': 'nonsense' } });
  await back.received(1);
  await lost.until(({ text }) => text.includes('event: gap'));
  const frame = (id: string, data: string) => `data: ${data}\nid: ${id}\n\n`.length;
  expect(hub.stats()).toEqual({
    connected: 4,
    opening: 0,
    accepted: 2,
    foreign: 0,
    delivered: 2 * 2 + 1,
    dropped: 0,
    evicted: 0,
    replayed: 1,
    gaps: 1,
    bytes: frame(first, '1') * 5,
    queued: 0,
    lag: 0,
    log: { connected: true, behind: 0 },
  });
  expect(readers).toHaveLength(2);
  await hub.close();
  server.close();
});
