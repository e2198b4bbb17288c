import type { Log } from '../../../lib/log/log.js';
import type { Session } from '../../../lib/log/shared/engine.js';
import { sharedLog } from '../../../lib/log/shared/shared-log.js';
import { MemoryServer } from '../../support/memory-engine.js';
import { RecordingFollower } from '../../support/recording-follower.js';

const { signal } = new AbortController();

async function follow(given?: Log) {
  const server = new MemoryServer();
  const log = given ?? sharedLog(server.engine());
  const follower = new RecordingFollower();
  log.follow(follower);
  await follower.begun();
  closing.push(() => log.close?.());
  return { server, log, follower };
}

const closing: (() => Promise<void> | undefined)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

test('questions that come together share one answer, but none that began before them', async () => {
  const engine = new MemoryServer().engine();
  const sessions: Session[] = [];
  const connect = async () => {
    const session = await engine.connect();
    sessions.push(session);
    return session;
  };
  const { log } = await follow(sharedLog({ ...engine, connect }));
  await log.append({ fields: Buffer.from('a') }, signal);
  // The feed has one of its own.
  const asked = jest.spyOn(sessions.at(-1) as Session, 'sync');
  const first = log.caughtUp?.();
  const others = [log.caughtUp?.(), log.caughtUp?.(), log.caughtUp?.()];
  await Promise.all([first, ...others]);
  expect(sessions).toHaveLength(2);
  expect(asked).toHaveBeenCalledTimes(2);
});

test('nothing can be read before there is a hub', async () => {
  const log = sharedLog(new MemoryServer().engine());
  await expect(log.read?.(0, 1)).rejects.toThrow('the log has no hub yet');
  await log.close?.();
});

test('entries of an epoch that is over are not read, and where there are no others the read fails', async () => {
  const { server, log, follower } = await follow();
  await log.append({ fields: Buffer.from('a') }, signal);
  await follower.received(1);
  const [entry] = server.above(0);
  server.link.next('read', () => [{ ...entry, epoch: 'over' }, entry]);
  expect(await log.read?.(0, 10)).toEqual([entry]);
  server.link.next('read', () => [{ ...entry, epoch: 'over' }]);
  await expect(log.read?.(0, 10)).rejects.toThrow('the log was reset');
});

test('a connection that broke for the feed is not used for writes any more', async () => {
  const { server, log, follower } = await follow();
  await log.append({ fields: Buffer.from('a') }, signal);
  const { accepted } = server.link;
  server.link.next('next', () => {
    throw new Error('broken');
  });
  await follower.until(() => !follower.isConnected);
  await log.append({ fields: Buffer.from('b') }, signal);
  await follower.received(2);
  expect(server.link.accepted).toBe(accepted + 2);
});
