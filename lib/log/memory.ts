import { randomBytes } from 'node:crypto';
import { FOLLOWED, type Log, type LogFollower, type LogRecord } from './log.js';

/** A log for one process. Its entries live in the ring of the hub that follows it. */
export function memoryLog(): Log {
  const epoch = randomBytes(6).toString('base64url');
  let sequence = 0;
  let follower: LogFollower | undefined;

  return {
    follow(newFollower) {
      if (follower !== undefined) throw new TypeError(FOLLOWED);
      follower = newFollower;
      follower.begin(epoch, sequence);
    },
    append(record: LogRecord, signal: AbortSignal) {
      if (signal.aborted) return Promise.reject(signal.reason);
      sequence++;
      follower?.entry({ ...record, sequence });
      return { epoch, sequence };
    },
  };
}
