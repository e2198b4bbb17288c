import { SseError } from '../../errors.js';
import { withTimeLimit } from '../../util/time-limit.js';
import type { LogFollower } from '../log.js';
import type { Connection } from './connection.js';
import type { Extent, StoredEntry } from './engine.js';
import type { NewestPlace } from './place.js';

/** How long entries may come before it is looked again what the engine has, in ms. */
const SYNC_INTERVAL = 1000;

/** How often in a row entries may be of another life than the one that the engine says it has. */
const MOST_STRANGE = 3;

/** How many entries are looked for that should have come. */
const LOOK = 100;

/** How long somebody waits at most until the follower is where the engine was, in ms. */
const CATCH_UP_LIMIT = 30_000;

/** Somebody waits until the follower is where the engine was. */
interface Wait extends Pick<Extent, 'epoch' | 'head'> {
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Who is told of whether the engine can be reached. */
export interface LiveFeedHooks {
  /** It can't; it could until `since`, on `performance.now()`'s clock. */
  away(since: number): void;
  /** It can, maybe again. */
  back(): void;
}

/** Gives a follower all entries of an engine as they come, through all that happens to it. */
export class LiveFeed {
  readonly #connection: Connection;
  readonly #newest: NewestPlace;
  readonly #follower: LogFollower;
  readonly #hooks: LiveFeedHooks;
  readonly #waits = new Set<Wait>();
  /** The last entry that the follower was given. */
  #sequence = 0;
  #isAway = false;
  epoch = '';
  /** The sequence before the first entry of this life. */
  start = 0;

  constructor(
    connection: Connection,
    newest: NewestPlace,
    follower: LogFollower,
    hooks: LiveFeedHooks,
  ) {
    this.#connection = connection;
    this.#newest = newest;
    this.#follower = follower;
    this.#hooks = hooks;
    void this.#run();
  }

  /** Resolves when the follower has all that the engine had then. Rejects where that breaks off. */
  reached({ epoch, head }: Extent): Promise<void> {
    const isThere = new Promise<void>((resolve, reject) => {
      if (this.#connection.isClosed) return reject(closed());
      this.#waits.add({ epoch, head, resolve, reject });
      this.#checkWaits();
    });
    return withTimeLimit(isThere, CATCH_UP_LIMIT, 'to catch up with the log');
  }

  /** Nobody is kept waiting any longer. */
  close(): void {
    this.#rejectWaits(closed());
  }

  async #run(): Promise<void> {
    let workedAt = Number.NEGATIVE_INFINITY;
    let syncedAt = Number.NEGATIVE_INFINITY;
    let strange = 0;
    let head = 0;
    while (!this.#connection.isClosed) {
      try {
        if (performance.now() - syncedAt >= SYNC_INTERVAL) {
          const extent = await this.#connection.use((session) => session.sync(this.#newest.known));
          if (this.#connection.isClosed) break;
          this.#adopt(extent);
          if (this.#isAway) this.#hooks.back();
          this.#isAway = false;
          head = extent.head;
          syncedAt = performance.now();
        }
        const entries = await this.#connection.use((session) => session.next(this.#sequence));
        if (this.#connection.isClosed) break;
        workedAt = performance.now();
        if (await this.#take(entries)) {
          strange = 0;
          await this.#follower.ready();
        } else {
          syncedAt = Number.NEGATIVE_INFINITY;
          if (entries.length > 0) strange++;
          else if (head > this.#sequence) await this.#lookFor(head);
          if (strange > MOST_STRANGE) throw new Error('the log holds entries of another life');
        }
      } catch (error) {
        if (this.#connection.isClosed) break;
        syncedAt = Number.NEGATIVE_INFINITY;
        this.#isAway = true;
        this.#connection.reset();
        this.#follower.disconnected(error as Error);
        this.#rejectWaits(error);
        this.#hooks.away(workedAt);
      }
    }
  }

  #adopt({ epoch, start, trimmedTo, head }: Extent): void {
    // What was trimmed meanwhile is noticed by the first entry that comes.
    if (this.epoch === '') this.#begin(epoch, head);
    else if (this.epoch !== epoch) this.#begin(epoch, Math.max(start, trimmedTo));
    this.start = start;
    // Who asked when the engine had another life waits for nothing.
    this.#rejectWaits(new Error('the log has begun another life'), epoch);
    this.#follower.connected(head);
    this.#checkWaits();
  }

  #begin(epoch: string, sequence: number): void {
    this.epoch = epoch;
    this.#sequence = sequence;
    this.#newest.learn({ epoch, sequence, tag: '' });
    this.#follower.begin(epoch, sequence);
  }

  /** False: there was none, or one of another life. It has to be looked what the engine has. */
  async #take(entries: readonly StoredEntry[]): Promise<boolean> {
    for (const entry of entries) {
      if (entry.epoch !== this.epoch) return false;
      // Those in between are gone, whoever deleted them.
      if (entry.sequence > this.#sequence + 1) {
        await this.#follower.ready();
        if (this.#connection.isClosed) return true;
        this.#begin(this.epoch, entry.sequence - 1);
      }
      this.#sequence = entry.sequence;
      this.#follower.entry(entry);
    }
    const last = entries.at(-1);
    if (last !== undefined) this.#newest.learn(last);
    this.#checkWaits();
    return last !== undefined;
  }

  /** An entry should have come, and has not: either it is late, or somebody has deleted it. */
  async #lookFor(head: number): Promise<void> {
    const entries = await this.#connection.use((session) => session.read(this.#sequence, LOOK));
    if (this.#connection.isClosed) return;
    if (entries.length === 0) this.#begin(this.epoch, head);
    else await this.#take(entries);
  }

  #checkWaits(): void {
    for (const wait of this.#waits) {
      if (wait.epoch !== this.epoch || wait.head > this.#sequence) continue;
      this.#waits.delete(wait);
      wait.resolve();
    }
  }

  #rejectWaits(reason: unknown, butFor?: string): void {
    for (const wait of this.#waits) {
      if (wait.epoch === butFor) continue;
      this.#waits.delete(wait);
      wait.reject(reason);
    }
  }
}

function closed(): SseError {
  return new SseError('ERR_SSE_CLOSED', 'the log is closed');
}
