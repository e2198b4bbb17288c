import { PublishQueue } from '../../lib/delivery/publish-queue.js';
import { memoryLog } from '../../lib/log/memory.js';
import { Ring } from '../../lib/window/ring.js';
import { turn } from '../support/fake-sink.js';
import { entry, ManualLog } from '../support/manual-log.js';

const record = (name: string) => ({ fields: Buffer.from(`data: ${name}\n`) });

/** A publish queue over a log whose answers the test gives, and clients that it says when to offer to. */
function queue({ slots = 2, sendTimeout = 60_000 } = {}) {
  const log = new ManualLog();
  const ring = new Ring();
  const offers: (() => void)[] = [];
  const failed: unknown[] = [];
  const publishQueue = new PublishQueue(
    log,
    ring,
    { requestQueueSize: slots, sendTimeout },
    {
      whenOffered: (passed) => offers.push(passed),
      failed: (error) => failed.push(error),
    },
  );
  ring.begin('e', 0);
  return {
    log,
    failed,
    publishQueue,
    send: (name: string, signal?: AbortSignal) => publishQueue.send(record(name), signal),
    store: (index: number) => log.appended[index]?.resolve({ epoch: 'e', sequence: index + 1 }),
    arrive: (sequence: number) => {
      ring.push(entry(sequence));
      publishQueue.arrived(sequence);
    },
    offer: () => {
      for (const passed of offers.splice(0)) passed();
    },
    given: () => log.appended.map(({ record }) => String(record.fields).slice(6, -1)),
  };
}

test('no more events are on their way than there are slots, and the order is that of the calls', () => {
  const { publishQueue, send, given } = queue();
  for (const name of ['a', 'b', 'c']) void send(name);
  expect(given()).toEqual(['a', 'b']);
  expect(publishQueue.size).toBe(3);
});

test('a slot is free once the event is stored, has arrived, and was offered', async () => {
  const { send, given, store, arrive, offer } = queue({ slots: 1 });
  const first = send('a');
  void send('b');
  store(0);
  expect(await first).toBe('e.1');
  offer();
  expect(given()).toEqual(['a']);
  arrive(1);
  expect(given()).toEqual(['a']);
  offer();
  expect(given()).toEqual(['a', 'b']);
});

test('an event that arrived before the log said that it is stored keeps no slot', async () => {
  const { send, given, store, arrive, offer } = queue({ slots: 1 });
  const first = send('a');
  void send('b');
  arrive(1);
  store(0);
  await first;
  offer();
  expect(given()).toEqual(['a', 'b']);
});

test('after a reset of the log nothing that was on its way is waited for', async () => {
  const { publishQueue, send, given, store, offer } = queue({ slots: 1 });
  const first = send('a');
  void send('b');
  store(0);
  await first;
  publishQueue.restart();
  offer();
  expect(given()).toEqual(['a', 'b']);
});

test('an event that the log refuses gives its slot back, and is reported', async () => {
  const { send, log, failed, given, offer } = queue({ slots: 1 });
  const first = send('a');
  void send('b');
  log.appended[0]?.reject(new Error('refused'));
  await expect(first).rejects.toThrow('refused');
  offer();
  expect(given()).toEqual(['a', 'b']);
  expect(failed).toEqual([new Error('refused')]);
});

test('a send that is aborted while it waits for a slot is never given to the log', async () => {
  const { send, failed, given, store, arrive, offer } = queue({ slots: 1 });
  const first = send('a');
  const abort = new AbortController();
  const second = send('b', abort.signal);
  void send('c');
  abort.abort(new Error('too late'));
  await expect(second).rejects.toThrow('too late');
  store(0);
  await first;
  arrive(1);
  offer();
  expect(given()).toEqual(['a', 'c']);
  expect(failed).toEqual([]);
});

test('an abort no longer matters once the event is on its way', async () => {
  const { send, store } = queue();
  const abort = new AbortController();
  const sent = send('a', abort.signal);
  abort.abort();
  store(0);
  expect(await sent).toBe('e.1');
});

test('a log that stores nothing in time ends all waits, and says to what end', async () => {
  jest.useFakeTimers();
  try {
    const { send, given, log } = queue({ slots: 1, sendTimeout: 5000 });
    const sends = [send('a'), send('b')].map((sent) => sent.catch(({ code }) => code));
    await jest.advanceTimersByTimeAsync(5200);
    expect(await Promise.all(sends)).toEqual(['ERR_SSE_LOG_AWAY', 'ERR_SSE_LOG_AWAY']);
    expect(given()).toEqual(['a']);
    expect(log.appended[0]?.signal.aborted).toBe(true);
  } finally {
    jest.useRealTimers();
  }
});

test('closed, the queue waits for what is on its way, and rejects the rest', async () => {
  const { publishQueue, send, given, store, offer } = queue({ slots: 1 });
  const first = send('a');
  const second = send('b').catch(({ code }) => code);
  let isClosed = false;
  const closed = publishQueue.close().then(() => {
    isClosed = true;
  });
  await turn();
  expect(isClosed).toBe(false);
  store(0);
  expect(await first).toBe('e.1');
  await closed;
  offer();
  expect(await second).toBe('ERR_SSE_CLOSED');
  expect(given()).toEqual(['a']);
});

test('a log that answers at once has stored the event when send returns', async () => {
  const log = memoryLog();
  const stored: number[] = [];
  log.follow({
    begin() {},
    entry: ({ sequence }) => stored.push(sequence),
    ready: async () => {},
    connected() {},
    disconnected() {},
  });
  const hooks = { whenOffered: (passed: () => void) => passed(), failed() {} };
  const settings = { requestQueueSize: 1, sendTimeout: 60_000 };
  const publishQueue = new PublishQueue(log, new Ring(), settings, hooks);
  const sent = publishQueue.send(record('a'), undefined);
  expect(stored).toEqual([1]);
  expect(await sent).toMatch(/\.1$/);
});
