import type { LogEntry, LogFollower } from '../../lib/log/log.js';

/** How long a test waits for what a log is to do, in ms: less than a test may take. */
const LIMIT = 60_000;

/** What came between one `begin` and the next. */
export interface Run {
  readonly epoch: string;
  readonly head: number;
  readonly entries: LogEntry[];
}

/** Who waits, and for what. */
interface Wait {
  readonly isOver: () => boolean;
  readonly resolve: () => void;
}

/** An entry without what a log adds for itself. */
export function plain(entry: LogEntry): LogEntry {
  const { sequence, fields, rooms, conflate, isForeign, isEphemeral } = entry;
  const flags = { ...(isForeign && { isForeign }), ...(isEphemeral && { isEphemeral }) };
  return { sequence, fields, rooms, conflate, ...flags };
}

/** Remembers all that a log tells it, and lets a test wait for it. */
export class RecordingFollower implements LogFollower {
  /** The names of the calls, in order, those of `ready` left out. */
  readonly calls: string[] = [];
  readonly runs: Run[] = [];
  /** Those of all runs. */
  readonly entries: LogEntry[] = [];
  isConnected = false;
  readonly #waits = new Set<Wait>();
  #held: Promise<void> | undefined;
  #release = () => {};

  get run(): Run | undefined {
    return this.runs.at(-1);
  }

  begin(epoch: string, head: number): void {
    this.runs.push({ epoch, head, entries: [] });
    this.#called('begin');
  }

  entry(entry: LogEntry): void {
    this.entries.push(plain(entry));
    this.run?.entries.push(plain(entry));
    this.#called('entry');
  }

  async ready(): Promise<void> {
    await this.#held;
  }

  connected(): void {
    this.isConnected = true;
    this.#called('connected');
  }

  disconnected(): void {
    this.isConnected = false;
    this.#called('disconnected');
  }

  /** Takes no more entries, than those the log doesn't ask for, until it is released. */
  hold(): void {
    this.#held = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  release(): void {
    this.#release();
    this.#held = undefined;
  }

  /** Resolves with the call after which the condition holds. */
  async until(isOver: () => boolean): Promise<void> {
    if (isOver()) return;
    await new Promise<void>((resolve, reject) => {
      const tooLate = () => reject(new Error(`it did not come about: ${isOver}. ${this}`));
      const timer = setTimeout(tooLate, LIMIT);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#waits.add({ isOver, resolve: done });
    });
  }

  /** Resolves once the log has begun. */
  begun(): Promise<void> {
    return this.until(() => this.runs.length > 0);
  }

  /** Resolves once so many entries came, in all runs together. */
  received(count: number): Promise<void> {
    return this.until(() => this.entries.length >= count);
  }

  toString(): string {
    const runs = this.runs.map(
      ({ epoch, head, entries }) => `${entries.length} entries above ${epoch}.${head}`,
    );
    return `The follower got ${runs.join(', ') || 'nothing'}, and lastly: ${this.calls.slice(-5)}`;
  }

  #called(name: string): void {
    this.calls.push(name);
    for (const wait of this.#waits) {
      if (!wait.isOver()) continue;
      this.#waits.delete(wait);
      wait.resolve();
    }
  }
}
