import type { EventId, Log, LogEntry, LogFollower, LogRecord } from '../../lib/index.js';

/** A record on its way into the log, for the test to store or refuse. */
export interface Appended {
  readonly record: LogRecord;
  readonly signal: AbortSignal;
  readonly resolve: (id: EventId) => void;
  readonly reject: (reason: unknown) => void;
}

/** A log whose every answer is the test's to give: for what no engine brings about on demand. */
export class ManualLog implements Log {
  follower!: LogFollower;
  readonly appended: Appended[] = [];
  /** What `read` gives: the entries above a sequence. */
  stored: LogEntry[] = [];
  reads: number[] = [];
  /** How many `read` gives at most, however many are asked for. */
  most = Number.POSITIVE_INFINITY;
  /** What `read` and `caughtUp` wait for. */
  gate: Promise<void> = Promise.resolve();
  /** What lies above these sequences can't be read. */
  readonly unreadable = new Set<number>();
  closed = false;

  follow(follower: LogFollower): void {
    this.follower = follower;
  }

  append(record: LogRecord, signal: AbortSignal): Promise<EventId> {
    return new Promise((resolve, reject) => {
      this.appended.push({ record, signal, resolve, reject });
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  }

  async read(after: number, limit: number): Promise<LogEntry[]> {
    this.reads.push(after);
    await this.gate;
    if (this.unreadable.has(after)) throw new Error('unreadable');
    return this.stored
      .filter(({ sequence }) => sequence > after)
      .slice(0, Math.min(limit, this.most));
  }

  caughtUp(): Promise<void> {
    return this.gate;
  }

  async close(): Promise<void> {
    this.closed = true;
  }

  /** Has `read` and `caughtUp` wait until what it gives is called. */
  hold(): () => void {
    let open = () => {};
    this.gate = new Promise((resolve) => {
      open = resolve;
    });
    return open;
  }

  /** Gives the follower the next entries, whose data is their sequence. */
  give(first: number, last = first, rooms?: readonly string[]): void {
    for (let sequence = first; sequence <= last; sequence++) {
      this.follower.entry(entry(sequence, rooms));
    }
  }
}

export function entry(sequence: number, rooms?: readonly string[]): LogEntry {
  return { sequence, fields: Buffer.from(`data: ${sequence}\n`), rooms };
}

/** Entries that are stored, the ends included. */
export function entries(first: number, last: number): LogEntry[] {
  return Array.from({ length: last - first + 1 }, (_, index) => entry(first + index));
}
