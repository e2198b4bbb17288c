// log/shared/: what all logs that live in a server share, whatever the server. An engine is the rest.

import {
  FOLLOWED,
  type Log,
  type LogEntry,
  type LogFollower,
  type LogPage,
  type LogRecord,
} from '../log.js';
import { Connection } from './connection.js';
import type { Engine } from './engine.js';
import { LiveFeed } from './live-feed.js';
import { NewestPlace } from './place.js';
import { Writer } from './writer.js';

/** A log in an engine, which other processes use as well. */
// Long, because all its methods share what it holds.
export function sharedLog(engine: Engine): Log {
  const newest = new NewestPlace();
  /** For the feed alone, which waits on it. */
  const feeding = new Connection(engine);
  /** For everything else. */
  const asking = new Connection(engine);
  const writer = new Writer(asking, engine.write, newest);
  const sync = joined(() => asking.use((session) => session.sync(newest.known)));
  let feed: LiveFeed | undefined;

  return {
    follow(follower: LogFollower) {
      if (feed !== undefined) throw new TypeError(FOLLOWED);
      feed = new LiveFeed(feeding, newest, follower, {
        disconnected: (since) => asking.suspect(since),
        connected: () => asking.hurry(),
      });
    },

    append: (record: LogRecord, signal: AbortSignal) => writer.append(record, signal),

    async read(after: number, limit: number): Promise<LogEntry[]> {
      const from = Math.max(after, startOf(feed));
      const entries = await asking.use((session, expect) => session.read(from, limit, expect));
      return (feed as LiveFeed).ownOf(entries);
    },

    async readRooms(after: number, limit: number, rooms: readonly string[]): Promise<LogPage> {
      const from = Math.max(after, startOf(feed));
      const page = await asking.use((session, expect) =>
        session.readRooms(from, limit, rooms, expect),
      );
      return { ...page, entries: (feed as LiveFeed).ownOf(page.entries) };
    },

    async last(count: number, rooms: readonly string[]): Promise<number> {
      const last = await asking.use((session, expect) => session.last(count, rooms, expect));
      return Math.max(last, startOf(feed));
    },

    async caughtUp() {
      await feed?.reached(await sync());
    },

    async close() {
      feeding.close();
      asking.close();
      feed?.close();
      writer.close();
    },
  };
}

/** Below it, the entries are of another epoch. */
function startOf(feed: LiveFeed | undefined): number {
  if (feed === undefined) throw new Error('the log has no hub yet');
  return feed.start;
}

/** Calls during a question share the next question: the answer may have changed since this one began. */
function joined<T>(ask: () => Promise<T>): () => Promise<T> {
  let current: Promise<T> | undefined;
  let next: Promise<T> | undefined;
  const start = () => {
    next = undefined;
    const asked = ask();
    current = asked;
    const over = () => {
      if (current === asked) current = undefined;
    };
    asked.then(over, over);
    return asked;
  };
  return () => {
    if (current === undefined) return start();
    next ??= current.then(start, start);
    return next;
  };
}
