// nats/: the engine that keeps a log in NATS JetStream, and the client it is handed.

import { randomBytes } from 'node:crypto';
import { quote, SseError } from '../errors.js';
import { isForRooms, pageOf } from '../log/audience.js';
import type { Log, LogRecord } from '../log/log.js';
import type {
  Engine,
  Expect,
  Extent,
  Known,
  Place,
  Session,
  StoredEntry,
  StoredPage,
  Write,
} from '../log/shared/engine.js';
import { readLogOptions, type SharedLogOptions } from '../log/shared/options.js';
import { sharedLog } from '../log/shared/shared-log.js';
import { integer } from '../validate.js';
import {
  type DeliveredMessage,
  isJetStream,
  type JetStream,
  type JetStreamManager,
  type Messages,
  type NatsClient,
  type StoredMessage,
} from './client.js';
import { consumerAbove, fetchPage, WAIT } from './consumer.js';
import { decode, encode } from './format.js';
import { Pollable } from './pollable.js';
import { RoomReader, subjectFor } from './rooms.js';
import { NatsStream, type StreamSettings } from './stream.js';

export type { LogHistoryOptions, SharedLogOptions } from '../log/shared/options.js';
export type { NatsClient } from './client.js';

export interface NatsLogOptions extends SharedLogOptions {
  /** The number of servers of a cluster that keep the stream, an integer from 1 to 5. Default 1. */
  readonly replicas?: number | undefined;
}

/**
 * A log in NATS JetStream (2.9 or newer), for hubs in any number of processes.
 *
 *     const connection = await connect({ servers, maxReconnectAttempts: -1, pingInterval: 2000 });
 *     const stream = sse({ log: natsLog(jetstream(connection), { prefix: 'orders' }) });
 *
 * `js` is what `jetstream()` of `@nats-io/jetstream` 3 returns. The log uses its connection, and leaves
 * it open when the hub is closed. Let the connection reconnect for ever and ping often, as above: by
 * default it stops for good after some attempts, and takes minutes to notice that it is dead.
 *
 * The log makes the stream `sse_<prefix>`, with the subjects `sse.<prefix>` and `sse.<prefix>.>` and the bounds of
 * `history`. It uses a stream that exists as it is: the stream's limits are the history, and without the second subject,
 * all entries have to be read for a client that comes from far behind. All rooms have the one history of the stream, for
 * JetStream has one bound for all subjects: there is no `history.room`.
 *
 * Throws a TypeError or RangeError for another client or a bad option.
 */
export function natsLog(js: NatsClient, options: NatsLogOptions = {}): Log {
  const settings = {
    ...readLogOptions('natsLog options', options, ['replicas']),
    replicas: integer('replicas', options.replicas, 1, 1, { most: 5 }),
  };
  if (!isJetStream(js)) {
    throw new TypeError(`natsLog client ${quote(js)}: must be what jetstream(connection) gives`);
  }
  const writer = randomBytes(9).toString('base64url');
  const engine: Engine = {
    // JetStream stores one message at a time. Several on their way could change places when the
    // stream's leader changes.
    write: { records: 1, bytes: 1 },
    connect: async () => new NatsSession(js, await js.jetstreamManager(false), settings, writer),
  };
  return sharedLog(engine);
}

/** How many messages are given at most. */
const MOST_ENTRIES = 128;

/** How many messages the client holds before they are asked for. */
const PREFETCH = 256;

/** How long JetStream may take to confirm a message, in ms: less than the time limit of all calls. */
const PUBLISH_TIMEOUT = 3000;

/** One session over the user's connection. */
class NatsSession implements Session {
  readonly #js: JetStream;
  readonly #stream: NatsStream;
  readonly #writer: string;
  readonly #rooms: RoomReader;
  #epoch = '';
  #reading: Reading | undefined;
  readonly #closing = new AbortController();

  constructor(js: JetStream, manager: JetStreamManager, settings: StreamSettings, writer: string) {
    this.#js = js;
    this.#stream = new NatsStream(manager, settings, this.#closing.signal);
    this.#writer = writer;
    this.#rooms = new RoomReader(js, this.#stream.name, this.#stream.subject);
  }

  async sync(known: Known | undefined): Promise<Extent> {
    return this.#adopt(await this.#stream.sync(known));
  }

  async next(after: number): Promise<StoredEntry[]> {
    if (this.#reading === undefined || this.#reading.position !== after) {
      if (!(await this.#readFrom(after))) return [];
    }
    const reading = this.#reading as Reading;
    const entries: StoredEntry[] = [];
    for (let wait = WAIT; entries.length < MOST_ENTRIES; wait = 0) {
      reading.pending ??= new Pollable(reading.iterator.next());
      const next = await reading.pending.within(wait);
      if (next === undefined) break;
      reading.pending = undefined;
      if (next.done) throw new Error('NATS ended the consumer');
      if (next.value.info.consumer !== reading.consumer) {
        // The client has made another consumer, on a stream that may be another one by now.
        this.#stopReading();
        break;
      }
      entries.push(this.#entry(next.value));
      reading.position = next.value.seq;
    }
    return entries;
  }

  async read(after: number, limit: number): Promise<StoredEntry[]> {
    const { trimmedTo, head } = this.#adopt(await this.#stream.extent());
    const from = Math.max(after, trimmedTo);
    if (from >= head) return [];
    const consumer = await consumerAbove(this.#js, this.#stream.name, from);
    try {
      const messages = await fetchPage(consumer, Math.min(limit, head - from));
      if (messages.length === 0 && (await this.#stream.has(from))) {
        throw new Error('NATS gave no messages');
      }
      return messages.map((message) => this.#entry(message));
    } finally {
      consumer.delete().catch(() => {});
    }
  }

  async readRooms(after: number, limit: number, rooms: readonly string[]): Promise<StoredPage> {
    const page = await this.#readSubjects(after, limit, rooms);
    const own = new Set(rooms);
    const isDue = (entry: StoredEntry) => !entry.isEphemeral && isForRooms(entry, own);
    return { ...page, entries: page.entries.filter(isDue) };
  }

  async #readSubjects(after: number, limit: number, rooms: readonly string[]): Promise<StoredPage> {
    const { trimmedTo, head } = this.#adopt(await this.#stream.extent());
    if (!this.#stream.hasRooms) {
      return pageOf(await this.read(after, limit), after, head);
    }
    const from = Math.max(after, trimmedTo);
    const lost = trimmedTo > after ? trimmedTo : 0;
    if (from >= head) return { entries: [], through: head, lost };
    const { messages, through } = await this.#rooms.read(from, head, limit, rooms);
    return { entries: messages.map((message) => this.#entry(message)), through, lost };
  }

  async last(count: number, rooms: readonly string[], expect: Expect): Promise<number> {
    const { trimmedTo, head } = this.#adopt(await this.#stream.extent());
    if (count === 0) return head;
    if (!this.#stream.hasRooms || !Number.isFinite(count)) return trimmedTo;
    for (let wanted = count; ; wanted *= 2) {
      const position = await this.#rooms.last(trimmedTo, head, wanted, rooms, expect);
      const sequences: number[] = [];
      for (let reached = position; reached < head; ) {
        const { entries, through } = await this.readRooms(reached, MOST_ENTRIES, rooms);
        expect(0);
        sequences.push(...entries.map(({ sequence }) => sequence));
        reached = through;
      }
      // Some that are for several rooms may be for others.
      if (sequences.length >= count) return (sequences.at(-count) as number) - 1;
      if (position === trimmedTo) return trimmedTo;
    }
  }

  #subjectFor(record: LogRecord): string {
    const { subject, hasRooms } = this.#stream;
    return hasRooms ? subjectFor(subject, record) : subject;
  }

  async append({ number, records }: Write, known: Known | undefined): Promise<Place> {
    if (this.#epoch === '' || (known && known.epoch !== this.#epoch)) await this.sync(known);
    const tag = `${this.#writer}:${number}`;
    const [record] = records as [LogRecord];
    const { seq, duplicate } = await this.#js
      .publish(this.#subjectFor(record), encode(record, tag), {
        msgID: tag,
        timeout: PUBLISH_TIMEOUT,
      })
      .catch(refuse);
    if (seq < 1) throw new Error('NATS has the message on its way, and not stored yet');
    if (!duplicate && known?.epoch === this.#epoch && seq <= known.sequence) {
      // The stream was made anew, or has lost its newest messages: this one is the first of a new epoch.
      this.#adopt(await this.#stream.beginEpoch(seq - 1, known));
    }
    return { epoch: this.#epoch, sequence: seq, tag };
  }

  close(): void {
    this.#closing.abort(new Error('the session is closed'));
    this.#stopReading();
  }

  #adopt(extent: Extent): Extent {
    if (this.#epoch !== extent.epoch) this.#stopReading();
    this.#epoch = extent.epoch;
    return extent;
  }

  /** False: the stream is another one by now. */
  async #readFrom(after: number): Promise<boolean> {
    this.#stopReading();
    const consumer = await consumerAbove(this.#js, this.#stream.name, after);
    const { name } = await consumer.info(true);
    const messages = await consumer.consume({ max_messages: PREFETCH });
    if (this.#closing.signal.aborted) {
      messages.stop();
      throw this.#closing.signal.reason;
    }
    const iterator = messages[Symbol.asyncIterator]();
    this.#reading = { messages, iterator, position: after, consumer: name, pending: undefined };
    const epoch = this.#epoch;
    return this.#adopt(await this.#stream.extent()).epoch === epoch;
  }

  #stopReading(): void {
    this.#reading?.messages.stop();
    this.#reading = undefined;
  }

  #entry(message: StoredMessage): StoredEntry {
    return { ...decode(message), epoch: this.#epoch, sequence: message.seq };
  }
}

interface Reading {
  readonly messages: Messages;
  readonly iterator: AsyncIterator<DeliveredMessage>;
  /** The sequence of the last entry that was read. */
  position: number;
  /** The name of the consumer whose messages are expected. */
  readonly consumer: string;
  /** The next message, which is asked for already. */
  pending: Pollable<IteratorResult<DeliveredMessage>> | undefined;
}

/** These pass: the same message is still on its way, or there is too much at once, or no server is ready. */
const PASSING = [409, 429, 503];

function refuse(error: Error & { readonly status?: unknown }): never {
  const isForGood =
    error.name === 'InvalidArgumentError' ||
    (typeof error.status === 'number' && !PASSING.includes(error.status));
  if (!isForGood) throw error;
  const message = `NATS refused the event: ${error.message}`;
  throw new SseError('ERR_SSE_LOG_REFUSED', message, { cause: error });
}
