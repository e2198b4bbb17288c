import type { Log, LogEntry, LogFollower } from '../log/log.js';

/** What looks on while a hub follows its log. */
export interface Watcher {
  /** Before the hub begins there. */
  begin(epoch: string, head: number): void;
  /** Right after the hub has it. */
  entry(entry: LogEntry): void;
  connected(): void;
  disconnected(): void;
}

/** The same log, with somebody who looks on. */
export function watchedLog(log: Log, watcher: Watcher): Log {
  const watched = (follower: LogFollower): LogFollower => ({
    begin(epoch, head) {
      watcher.begin(epoch, head);
      follower.begin(epoch, head);
    },
    entry(entry) {
      follower.entry(entry);
      watcher.entry(entry);
    },
    ready: () => follower.ready(),
    connected(head) {
      watcher.connected();
      follower.connected(head);
    },
    disconnected(reason) {
      watcher.disconnected();
      follower.disconnected(reason);
    },
  });
  // The methods stay those of their object: a log may be one of a class.
  const view: Log = Object.create(log);
  view.follow = (follower) => log.follow(watched(follower));
  for (const name of ['append', 'read', 'readRooms', 'last', 'caughtUp', 'close'] as const) {
    const method = log[name] as ((...args: unknown[]) => unknown) | undefined;
    if (method !== undefined) Object.assign(view, { [name]: method.bind(log) });
  }
  return view;
}
