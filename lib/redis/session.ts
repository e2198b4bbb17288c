import { randomBytes } from 'node:crypto';
import { SseError } from '../errors.js';
import type { LogRecord, RoomBounds } from '../log/log.js';
import {
  type Expect,
  type Extent,
  type Known,
  PAGE_BYTES,
  type Place,
  type Session,
  type StoredEntry,
  type StoredPage,
  type Write,
} from '../log/shared/engine.js';
import type { SharedLogSettings } from '../log/shared/options.js';
import { APPEND } from './append-script.js';
import type { RedisConnection } from './connection.js';
import { entriesOfStream, type RawEntry, readEntry, sequence } from './entry.js';
import { LAST, READ_ROOMS } from './room-scripts.js';
import { type Script, SIZE, SYNC } from './script.js';

/** How long Redis waits for new entries, in ms, and how many it gives at most. */
const BLOCK = 1000;
const MOST_ENTRIES = 128;
const FIRST_ENTRIES = 8;

/** How many bytes a reply should have at most, judged by the reply before. */
const REPLY_BYTES = 4 * 1024 * 1024;

/** What the sessions of a log know of their line. */
export interface Line {
  /** An answer did not come in time: it may be a large one. The next ones are asked for one by one, with their size. */
  isSlow: boolean;
}

export interface RedisLogSettings extends SharedLogSettings {
  readonly room: RoomBounds;
}

const NOTHING: Known = { epoch: '', sequence: 0, tag: '', former: [] };

/** Errors of a server that is the wrong one, or not ready. The next attempt may succeed. */
const PASSES =
  /\b(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|NOREPLICAS|MOVED|ASK|BUSY|UNBLOCKED)\b/;

/** One connection to Redis, and what is asked over it. */
export class RedisSession implements Session {
  readonly #redis: RedisConnection;
  readonly #log: string;
  readonly #meta: string;
  readonly #writerKey: string;
  readonly #writer: string;
  readonly #all: string;
  readonly #room: string;
  readonly #bounds: readonly string[];
  readonly #roomBounds: readonly string[];
  /** How many entries are asked for, of new ones and of old ones. Few at first: their size is unknown. */
  #count = FIRST_ENTRIES;
  #rangeCount = 1;
  readonly #line: Line;
  /** How many answers with entries are on their way. */
  #pending = 0;

  constructor(
    redis: RedisConnection,
    { prefix, events, age, room }: RedisLogSettings,
    writer: string,
    line: Line,
  ) {
    this.#redis = redis;
    this.#line = line;
    this.#log = `sse:{${prefix}}:log`;
    this.#meta = `sse:{${prefix}}:meta`;
    this.#writerKey = `sse:{${prefix}}:writer:${writer}`;
    this.#all = `sse:{${prefix}}:all`;
    this.#room = `sse:{${prefix}}:room:`;
    this.#writer = writer;
    this.#roomBounds = [String(room.events), String(room.age)];
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

  async readRooms(
    after: number,
    limit: number,
    rooms: readonly string[],
    expect: Expect,
  ): Promise<StoredPage> {
    let most = limit;
    const ask = async (size = '') => {
      const bounds = [String(after), String(most), String(PAGE_BYTES), size];
      const args = [this.#roomAge, ...bounds, ...rooms];
      const reply = await this.#run(READ_ROOMS, this.#keysOf(rooms), args);
      return reply as [Buffer, Buffer, number, RawEntry[]];
    };
    if (this.#line.isSlow) {
      let bytes = (await ask('size'))[2];
      if (bytes < PAGE_BYTES) this.#line.isSlow = false;
      else {
        most = 1;
        bytes = (await ask('size'))[2];
      }
      expect(bytes);
    }
    const [through, lost, , entries] = await this.#waitFor(() => ask());
    return {
      entries: entries.map(readEntry),
      through: sequence(through),
      lost: sequence(lost),
    };
  }

  async last(count: number, rooms: readonly string[]): Promise<number> {
    const wanted = Number.isFinite(count) ? String(count) : '';
    return sequence(await this.#run(LAST, this.#keysOf(rooms), [this.#roomAge, wanted, ...rooms]));
  }

  get #roomAge(): string {
    return this.#roomBounds[1] as string;
  }

  #keysOf(rooms: readonly string[]): string[] {
    return [this.#log, this.#meta, this.#all, ...rooms.map((room) => this.#room + room)];
  }

  async #waitFor<T>(ask: () => Promise<T>): Promise<T> {
    this.#pending++;
    const reply = await ask();
    this.#pending--;
    return reply;
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
    const reply = await this.#waitFor(() => this.#redis.command(this.#log, command(String(count))));
    return { reply, count };
  }

  /** How many bytes the next entries above a sequence have. */
  async #size(after: number, count: number): Promise<number> {
    return Number(await this.#run(SIZE, [this.#log], [`${after + 1}-0`, String(count)]));
  }

  async append({ number, records }: Write, known: Known | undefined): Promise<Place> {
    const tag = `${this.#writer}:${number}`;
    const rooms = records.map((record) => [...new Set(record.rooms)]);
    const keys = rooms.flat().map((room) => this.#room + room);
    const args = records.flatMap((record, index) =>
      recordArguments(record, rooms[index]?.length ?? 0),
    );
    const reply = await this.#run(
      APPEND,
      [this.#log, this.#meta, this.#writerKey, this.#all, ...keys],
      [...this.#prologue(known), ...this.#roomBounds, String(number), tag, ...args],
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

function recordArguments(record: LogRecord, count: number): (string | Buffer)[] {
  const { fields, rooms, conflate, except, isEphemeral } = record;
  let names = '';
  const parts: string[] = [];
  const add = (name: string, part: string | undefined) => {
    if (part === undefined) return;
    names += name;
    parts.push(part);
  };
  add('r', rooms && JSON.stringify(rooms));
  add('k', conflate);
  add('x', except);
  add('o', isEphemeral === true ? '1' : undefined);
  return [fields, count > 0 ? `${names}${count}` : names, ...parts];
}

function bytesOf(entries: readonly StoredEntry[]): number {
  return entries.reduce((sum, { fields }) => sum + fields.length, 0);
}
