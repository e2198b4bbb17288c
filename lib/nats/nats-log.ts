// nats/: the engine that keeps a log in NATS JetStream, and the client it is handed.

import { randomBytes } from 'node:crypto';
import { quote, SseError } from '../errors.js';
import type { Log, LogRecord } from '../log/log.js';
import {
  type Engine,
  type Extent,
  type Known,
  PAGE_BYTES,
  type Place,
  type Session,
  type StoredEntry,
  type Write,
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
import { decode, encode } from './format.js';
import { Pollable } from './pollable.js';
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
 * The log makes the stream `sse_<prefix>`, with the one subject `sse.<prefix>` and the bounds of
 * `history`. It uses a stream that exists as it is: the stream's limits are the history.
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

/** How long to wait for a new message, in ms, and how many are given at most. */
const WAIT = 1000;
const MOST_ENTRIES = 128;

/** How many messages the client holds before they are asked for. */
const PREFETCH = 256;

/** How long JetStream may take to confirm a message, in ms: less than the time limit of all calls. */
const PUBLISH_TIMEOUT = 3000;

/** After how long JetStream forgets a consumer that nobody reads from, in ms. */
const FORGET_CONSUMER = 60_000;

/** One session over the user's connection. */
class NatsSession implements Session {
  readonly #js: JetStream;
  readonly #stream: NatsStream;
  readonly #writer: string;
  #epoch = '';
  #reading: Reading | undefined;
  readonly #closing = new AbortController();

  constructor(js: JetStream, manager: JetStreamManager, settings: StreamSettings, writer: string) {
    this.#js = js;
    this.#stream = new NatsStream(manager, settings, this.#closing.signal);
    this.#writer = writer;
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
    const consumer = await this.#consumer(from);
    const entries: StoredEntry[] = [];
    try {
      const count = Math.min(limit, head - from);
      const messages = await consumer.fetch({ max_messages: count, expires: WAIT });
      let bytes = 0;
      for await (const message of messages) {
        entries.push(this.#entry(message));
        bytes += message.data.length;
        if (bytes >= PAGE_BYTES) break;
      }
    } finally {
      consumer.delete().catch(() => {});
    }
    if (entries.length === 0 && (await this.#stream.has(from))) {
      throw new Error('NATS gave no messages');
    }
    return entries;
  }

  async append({ number, records }: Write, known: Known | undefined): Promise<Place> {
    if (this.#epoch === '' || (known && known.epoch !== this.#epoch)) await this.sync(known);
    const tag = `${this.#writer}:${number}`;
    const [record] = records as [LogRecord];
    const { seq, duplicate } = await this.#js
      .publish(this.#stream.subject, encode(record, tag), { msgID: tag, timeout: PUBLISH_TIMEOUT })
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
    const consumer = await this.#consumer(after);
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

  #consumer(after: number): ReturnType<JetStream['consumers']['get']> {
    return this.#js.consumers.get(this.#stream.name, {
      opt_start_seq: after + 1,
      deliver_policy: 'by_start_sequence',
      inactive_threshold: FORGET_CONSUMER,
    });
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
