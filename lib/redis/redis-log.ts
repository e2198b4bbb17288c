// redis/: the engine that keeps a log in Redis Streams, and the clients it is handed.

import { randomBytes } from 'node:crypto';
import { SseError } from '../errors.js';
import type { Log, LogRecord } from '../log/log.js';
import {
  type Engine,
  type Expect,
  type Extent,
  type Known,
  PAGE_BYTES,
  type Place,
  type Session,
  type StoredEntry,
  type Write,
} from '../log/shared/engine.js';
import {
  readLogOptions,
  type SharedLogOptions,
  type SharedLogSettings,
} from '../log/shared/options.js';
import { sharedLog } from '../log/shared/shared-log.js';
import { connectorLike, type RedisClient, type RedisConnection } from './connection.js';
import { entriesOfStream, type RawEntry, readEntry, sequence } from './entry.js';
import { APPEND, type Script, SIZE, SYNC } from './script.js';

export type { LogHistoryOptions, SharedLogOptions } from '../log/shared/options.js';
export type { RedisClient } from './connection.js';

/**
 * A log in Redis Streams (Redis 6.2 or newer, and what speaks its protocol), for hubs in any number
 * of processes.
 *
 *     const stream = sse({ log: redisLog(client, { prefix: 'orders' }) });
 *
 * `client` is a client of `redis` (5 or 6) or `ioredis` (5 or 6), also for a cluster, or behind
 * sentinels (`redis` from 6 on). The log only copies the client: it opens two connections of its own
 * with the client's settings, and closes them when its hub is closed. The client need not be connected.
 *
 * The keys are `sse:{<prefix>}:log`, `sse:{<prefix>}:meta` and `sse:{<prefix>}:writer:<id>`; a cluster
 * keeps them together.
 *
 * Throws a TypeError or RangeError for another client or a bad option.
 */
export function redisLog(client: RedisClient, options: SharedLogOptions = {}): Log {
  const settings = readLogOptions('redisLog options', options);
  const connect = connectorLike(client);
  const writer = randomBytes(9).toString('base64url');
  const line: Line = { isSlow: false };
  const engine: Engine = {
    write: { records: 500, bytes: 1024 * 1024 },
    connect: async () => new RedisSession(await connect(), settings, writer, line),
  };
  return sharedLog(engine);
}

/** How long Redis waits for new entries, in ms, and how many it gives at most. */
const BLOCK = 1000;
const MOST_ENTRIES = 128;
const FIRST_ENTRIES = 8;

/** How many bytes a reply should have at most, judged by the reply before. */
const REPLY_BYTES = 4 * 1024 * 1024;

/** What the sessions of a log know of their line. */
interface Line {
  /** An answer did not come in time: it may be a large one. The next ones are asked for one by one, with their size. */
  isSlow: boolean;
}

const NOTHING: Known = { epoch: '', sequence: 0, tag: '', former: [] };

/** Errors of a server that is the wrong one, or not ready. The next attempt may succeed. */
const PASSES =
  /\b(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|MOVED|ASK|BUSY|UNBLOCKED)\b/;

class RedisSession implements Session {
  readonly #redis: RedisConnection;
  readonly #log: string;
  readonly #meta: string;
  readonly #writerKey: string;
  readonly #writer: string;
  readonly #bounds: readonly string[];
  /** How many entries are asked for, of new ones and of old ones. Few at first: their size is unknown. */
  #count = FIRST_ENTRIES;
  #rangeCount = 1;
  readonly #line: Line;
  /** How many answers with entries are on their way. */
  #pending = 0;

  constructor(
    redis: RedisConnection,
    { prefix, events, age }: SharedLogSettings,
    writer: string,
    line: Line,
  ) {
    this.#redis = redis;
    this.#line = line;
    this.#log = `sse:{${prefix}}:log`;
    this.#meta = `sse:{${prefix}}:meta`;
    this.#writerKey = `sse:{${prefix}}:writer:${writer}`;
    this.#writer = writer;
    this.#bounds = [events, age].map((bound) => (Number.isFinite(bound) ? String(bound) : ''));
  }

  async sync(known: Known | undefined): Promise<Extent> {
    const reply = await this.#run(SYNC, [this.#log, this.#meta], this.#prologue(known));
    const [epoch, start, trimmedTo, head] = (reply as Buffer[]).map(String);
    return {
      epoch: epoch as string,
      start: sequence(start),
      trimmedTo: sequence(trimmedTo),
      head: sequence(head),
    };
  }

  async next(after: number, expect: Expect): Promise<StoredEntry[]> {
    const { reply } = await this.#entries(after, this.#count, expect, (count) => [
      ...['XREAD', 'COUNT', count, 'BLOCK', String(BLOCK)],
      ...['STREAMS', this.#log, `${after}-0`],
    ]);
    const entries = entriesOfStream(reply).map(readEntry);
    if (entries.length > 0) {
      const fitting = Math.floor(REPLY_BYTES / (bytesOf(entries) / entries.length));
      this.#count = Math.max(1, Math.min(MOST_ENTRIES, fitting));
    }
    return entries;
  }

  async read(after: number, limit: number, expect: Expect): Promise<StoredEntry[]> {
    const entries: StoredEntry[] = [];
    let bytes = 0;
    // A few at a time: other commands need not wait long, however large the entries are.
    for (let last = after; entries.length < limit && bytes < PAGE_BYTES; ) {
      const most = Math.min(this.#rangeCount, limit - entries.length);
      const from = `${last + 1}-0`;
      const { reply, count } = await this.#entries(last, most, expect, (limited) => [
        ...['XRANGE', this.#log, from, '+', 'COUNT', limited],
      ]);
      const some = (reply as RawEntry[]).map(readEntry);
      entries.push(...some);
      if (some.length < count) break;
      last = (entries.at(-1) as StoredEntry).sequence;
      bytes += bytesOf(some);
      const fitting = Math.floor(PAGE_BYTES / (bytes / entries.length));
      this.#rangeCount = Math.max(1, Math.min(2 * this.#rangeCount, fitting, MOST_ENTRIES));
    }
    return entries;
  }

  /**
   * The answer to a command that gives the entries above a sequence, `most` at most: one by one where they are large
   * and the line may be slow.
   */
  async #entries(
    after: number,
    most: number,
    expect: Expect,
    command: (count: string) => string[],
  ): Promise<{ readonly reply: unknown; readonly count: number }> {
    let count = most;
    if (this.#line.isSlow) {
      let size = await this.#size(after, count);
      if (size < PAGE_BYTES) this.#line.isSlow = false;
      else {
        count = 1;
        size = await this.#size(after, count);
      }
      expect(size);
    }
    this.#pending++;
    const reply = await this.#redis.command(this.#log, command(String(count)));
    this.#pending--;
    return { reply, count };
  }

  /** How many bytes the next entries above a sequence have. */
  async #size(after: number, count: number): Promise<number> {
    return Number(await this.#run(SIZE, [this.#log], [`${after + 1}-0`, String(count)]));
  }

  async append({ number, records }: Write, known: Known | undefined): Promise<Place> {
    const tag = `${this.#writer}:${number}`;
    const reply = await this.#run(
      APPEND,
      [this.#log, this.#meta, this.#writerKey],
      [...this.#prologue(known), String(number), tag, ...records.flatMap(recordArguments)],
    ).catch((error: Error) => {
      if (!/^[A-Z]{3,} /.test(error.message) || PASSES.test(error.message)) throw error;
      const message = `Redis refused the event: ${error.message}`;
      throw new SseError('ERR_SSE_LOG_REFUSED', message, { cause: error });
    });
    const [epoch, first] = (reply as Buffer[]).map(String);
    if (epoch === undefined) throw new Error('a later write is stored already');
    return { epoch, sequence: sequence(first), tag };
  }

  close(): void {
    if (this.#pending > 0) this.#line.isSlow = true;
    this.#redis.close();
  }

  #prologue(known: Known | undefined): string[] {
    const { epoch, sequence, tag, former } = known ?? NOTHING;
    const newEpoch = randomBytes(6).toString('base64url');
    return [epoch, String(sequence), tag, former.join(' '), newEpoch, ...this.#bounds];
  }

  async #run(
    { text, sha }: Script,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await this.#redis.command(this.#log, ['EVALSHA', sha, ...rest]);
    } catch (error) {
      if (!String((error as Error).message).startsWith('NOSCRIPT')) throw error;
      return this.#redis.command(this.#log, ['EVAL', text, ...rest]);
    }
  }
}

function recordArguments({ fields, rooms, conflate }: LogRecord): (string | Buffer)[] {
  return [fields, rooms === undefined ? '' : JSON.stringify(rooms), conflate ?? ''];
}

function bytesOf(entries: readonly StoredEntry[]): number {
  return entries.reduce((sum, { fields }) => sum + fields.length, 0);
}
