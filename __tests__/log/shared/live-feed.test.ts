import { Connection } from '../../../lib/log/shared/connection.js';
import type { StoredEntry } from '../../../lib/log/shared/engine.js';
import { LiveFeed } from '../../../lib/log/shared/live-feed.js';
import { NewestPlace } from '../../../lib/log/shared/place.js';
import { MemoryServer } from '../../support/memory-engine.js';
import { RecordingFollower } from '../../support/recording-follower.js';

const ended: (() => void)[] = [];
afterEach(() => {
  for (const end of ended.splice(0)) end();
});

async function feed(history: { events?: number } = {}) {
  const server = new MemoryServer();
  const connection = new Connection(server.engine(history));
  const newest = new NewestPlace();
  const follower = new RecordingFollower();
  const told: string[] = [];
  const liveFeed = new LiveFeed(connection, newest, follower, {
    disconnected: () => told.push('disconnected'),
    connected: () => told.push('connected'),
  });
  ended.push(() => {
    connection.close();
    liveFeed.close();
  });
  await follower.begun();
  let number = 0;
  return {
    server,
    newest,
    follower,
    told,
    liveFeed,
    epoch: follower.run?.epoch as string,
    /** Writes an entry past the feed. */
    write: (name: string) => {
      const records = [{ fields: Buffer.from(name) }];
      server.append('other', { number: ++number, records }, undefined, history);
    },
    names: () => follower.entries.map(({ fields }) => String(fields)),
  };
}

const outcome = (promise: Promise<void>) =>
  promise.then(
    () => 'reached',
    (error) => String(error),
  );

test('the follower is given each entry once, in order, and the newest one is remembered', async () => {
  const { follower, newest, write, names } = await feed();
  for (const name of ['a', 'b', 'c']) write(name);
  await follower.received(3);
  expect(names()).toEqual(['a', 'b', 'c']);
  await follower.until(() => newest.known?.sequence === 3);
  expect(newest.known?.tag).toBe('other:3');
});

test('no more entries are asked for before the follower is ready', async () => {
  const { server, follower, write } = await feed();
  follower.hold();
  write('a');
  await follower.received(1);
  write('b');
  const asked = jest.spyOn(server, 'arrival');
  await new Promise((resolve) => setImmediate(resolve));
  expect(follower.entries).toHaveLength(1);
  expect(asked).not.toHaveBeenCalled();
  follower.release();
  await follower.received(2);
});

test('a broken session is reported to the follower and to the other connection, and so is the next', async () => {
  const { server, follower, told, write, names } = await feed();
  server.link.cut();
  await follower.until(() => follower.calls.includes('disconnected'));
  write('a');
  await follower.received(1);
  expect(names()).toEqual(['a']);
  expect(told).toEqual(['disconnected', 'connected']);
  expect(follower.runs).toHaveLength(1);
});

test('entries that were trimmed before they came are a new begin in the same epoch', async () => {
  const { server, follower, epoch, write, names } = await feed({ events: 2 });
  server.link.refuse(true);
  server.link.cut();
  await follower.until(() => !follower.isConnected);
  for (const name of ['a', 'b', 'c', 'd', 'e']) write(name);
  server.link.refuse(false);
  await follower.received(2);
  expect(follower.runs.map(({ epoch, head }) => ({ epoch, head }))).toEqual([
    { epoch, head: 0 },
    { epoch, head: 3 },
  ]);
  expect(names()).toEqual(['d', 'e']);
});

test('an entry that should have come and was deleted is a new begin behind it', async () => {
  const { server, follower, epoch, write, names } = await feed({ events: 1 });
  // The engine says that there are two entries, and gives none.
  server.link.next('next', async () => []);
  server.link.next('sync', () => ({ epoch, start: 0, trimmedTo: 0, head: 2 }));
  await follower.until(() => follower.run?.head === 2);
  for (const name of ['a', 'b', 'c']) write(name);
  await follower.received(1);
  expect(names()).toEqual(['c']);
});

test('entries of an epoch that the engine does not say it is in are not given, and end the session', async () => {
  const { server, follower, names, write } = await feed();
  const strange = async () =>
    [{ epoch: 'strange', sequence: 1, tag: 't', fields: Buffer.from('x') }] as StoredEntry[];
  for (let count = 0; count < 5; count++) server.link.next('next', strange);
  await follower.until(() => !follower.isConnected);
  write('a');
  await follower.received(1);
  expect(names()).toEqual(['a']);
});

test('a reset is a new begin with the new epoch, and all that follows is of it', async () => {
  const { server, follower, epoch, write, names } = await feed();
  write('a');
  await follower.received(1);
  server.lose();
  await follower.until(() => follower.runs.length === 2);
  write('b');
  await follower.received(2);
  expect(follower.run?.epoch).not.toBe(epoch);
  expect(names()).toEqual(['a', 'b']);
});

describe('a wait until the follower is where the engine was', () => {
  test('is over when the follower was given that entry', async () => {
    const { liveFeed, epoch, follower, write } = await feed();
    const reached = outcome(liveFeed.reached({ epoch, head: 2, start: 0, trimmedTo: 0 }));
    write('a');
    await follower.received(1);
    expect(await Promise.race([reached, 'waits'])).toBe('waits');
    write('b');
    expect(await reached).toBe('reached');
  });

  test('is over at once where the follower is there already', async () => {
    const { liveFeed, epoch } = await feed();
    expect(await outcome(liveFeed.reached({ epoch, head: 0, start: 0, trimmedTo: 0 }))).toBe(
      'reached',
    );
  });

  test('goes on for an epoch that the feed has not heard of yet', async () => {
    const { liveFeed, server, follower, epoch, write } = await feed();
    server.lose();
    write('a'); // in the epoch after this one
    const next = server.look(undefined, {}).epoch;
    expect(next).not.toBe(epoch);
    const reached = outcome(liveFeed.reached({ epoch: next, head: 1, start: 0, trimmedTo: 0 }));
    await follower.received(1);
    expect(await reached).toBe('reached');
  });

  test('rejects when the log is reset, when the session breaks, and when the feed is closed', async () => {
    const { liveFeed, server, epoch } = await feed();
    const wait = () => outcome(liveFeed.reached({ epoch, head: 99, start: 0, trimmedTo: 0 }));
    const broken = wait();
    server.link.cut();
    expect(await broken).toBe('Error: broken');
    const reset = wait();
    server.lose();
    expect(await reset).toMatch(/^Error: the log /);
    const closed = wait();
    liveFeed.close();
    expect(await closed).toMatch(/^SseError: the log is closed/);
  });
});
