/**
 * The Go package WheeskyJack/sse, which this one grew out of, has eight faults. Each test here shows
 * that this package is free of one of them, and fails on the Go package's behaviour.
 */
import { once } from 'node:events';
import { type HubOptions, sse } from '../lib/index.js';
import { serve } from './support/server.js';
import { openStalled, StreamReader } from './support/stream-client.js';

const block = 'x'.repeat(64 * 1024);
/** So many blocks are more than the buffers on both sides of loopback take. */
const FLOOD = 200;

async function serveStream(options: HubOptions = {}) {
  const stream = sse(options);
  return { hub: stream.hub, url: await serve(stream) };
}

test('1. the hub goes on after a client has run into the send timeout', async () => {
  const { hub, url } = await serveStream({ sendTimeout: 50, clientQueueBytes: Infinity });
  await openStalled(url);
  const [stalled] = hub.clients.values();
  const gone = stalled && once(stalled.signal, 'abort');
  const reader = await StreamReader.open(url);
  for (let count = 0; count < FLOOD; count++) await hub.send(block);
  await gone;
  await hub.send('still alive');
  await reader.received(FLOOD + 1);
  expect(reader.data.at(-1)).toBe('still alive');
});

test('2. no message waits for the slowest client, and no client waits to join or leave', async () => {
  // A timeout of a day: whoever waits for the stalled client runs into the test's own.
  const { hub, url } = await serveStream({
    sendTimeout: 86_400_000,
    clientQueueSize: Infinity,
    clientQueueBytes: Infinity,
    requestQueueSize: 1,
  });
  await openStalled(url);
  const early = await StreamReader.open(url);
  for (let count = 0; count < FLOOD; count++) await hub.send(block);
  await early.received(FLOOD);
  const late = await StreamReader.open(url);
  const [, client] = hub.clients.values();
  early.destroy();
  await (client && once(client.signal, 'abort'));
  await hub.send('for the late one');
  await late.received(1);
  expect(hub.size).toBe(2);
});

test('3. clients that left are noticed on a stream on which nothing is sent', async () => {
  const { hub, url } = await serveStream();
  const readers = await Promise.all(Array.from({ length: 20 }, () => StreamReader.open(url)));
  expect(hub.size).toBe(20);
  const gone = [...hub.clients.values()].map((client) => once(client.signal, 'abort'));
  for (const reader of readers) reader.destroy();
  await Promise.all(gone);
  expect(hub.size).toBe(0);
});

test('4. the head is there before the first event', async () => {
  const { url } = await serveStream();
  const reader = await StreamReader.open(url);
  expect(reader.response.statusCode).toBe(200);
  expect(reader.response.headers['content-type']).toBe('text/event-stream');
  expect(reader.events).toEqual([]);
});

test('5. a line break in the data forges no field and no event, and one in a type is refused', async () => {
  const { hub, url } = await serveStream();
  const reader = await StreamReader.open(url);
  const hostile = 'harmless\n\nevent: admin\ndata: forged\rretry: 1\r\nid: 666';
  await hub.sendEvent('chat', hostile);
  await expect(hub.sendEvent('chat\ndata: forged', '')).rejects.toThrow(TypeError);
  await hub.sendEvent('chat', 'the end');
  await reader.received(2);
  expect(reader.events.map(({ type, data }) => [type, data])).toEqual([
    ['chat', hostile.replace(/\r\n?/g, '\n')],
    ['chat', 'the end'],
  ]);
  expect(reader.events[0]?.id).not.toBe('666');
});

test('6. leaveAll ends everyone who is there, and after close nobody can come in', async () => {
  const { hub, url } = await serveStream();
  const readers = await Promise.all(Array.from({ length: 50 }, () => StreamReader.open(url)));
  hub.leaveAll();
  expect(hub.size).toBe(0);
  await Promise.all(readers.map((reader) => reader.end()));
  const closed = hub.close();
  const late = await StreamReader.open(url);
  await late.end();
  await closed;
  expect(hub.size).toBe(0);
  expect(late.events).toEqual([]);
});

test('7. what was sent while a client was away is there when it is back, or is told as missed', async () => {
  const { hub, url } = await serveStream({ history: { events: 10 } });
  const reader = await StreamReader.open(url);
  await hub.send('seen');
  await reader.received(1);
  reader.destroy();
  for (let count = 0; count < 3; count++) await hub.send(`missed ${count}`);
  const headers = { 'last-event-id': reader.events[0]?.id };
  const back = await StreamReader.open(url, { headers });
  await back.received(3);
  expect(back.data).toEqual(['missed 0', 'missed 1', 'missed 2']);

  for (let count = 3; count < 20; count++) await hub.send(`missed ${count}`);
  const tooLate = await StreamReader.open(url, { headers });
  await tooLate.received(11);
  expect(tooLate.events[0]).toMatchObject({
    type: 'gap',
    data: '{"reason":"trimmed","missed":10}',
  });
});

test.each(['requestQueueSize', 'clientQueueSize', 'clientQueueBytes', 'concurrency'] as const)(
  '8. a negative %s is refused, with an error that says why',
  (option) => {
    expect(() => sse({ [option]: -1 })).toThrow(RangeError);
    expect(() => sse({ [option]: -1 })).toThrow(`${option} -1: must be an integer from 1`);
  },
);
