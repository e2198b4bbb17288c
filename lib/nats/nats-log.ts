// nats/: the engine that keeps a log in NATS JetStream, and the client it is handed.

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
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
import {
  readLogOptions,
  type SharedLogOptions,
  type SharedLogSettings,
} from '../log/shared/options.js';
import { remoteLog } from '../log/shared/shared-log.js';
import { integer } from '../validate.js';
import {
  type DeliveredMessage,
  isJetStream,
  type JetStream,
  type JetStreamManager,
  type Messages,
  type NatsClient,
  STREAM_NAME_IN_USE,
  STREAM_NOT_FOUND,
  type StoredMessage,
  type StreamInfo,
  SUBJECTS_OVERLAP,
} from './client.js';
import { decode, describeLife, encode, extentOf, isBorn, isLed } from './format.js';
import { Upcoming } from './pollable.js';

export type { LogHistoryOptions, SharedLogOptions } from '../log/shared/options.js';
export type { NatsClient } from './client.js';

export interface NatsLogOptions extends SharedLogOptions {
  /** On how many servers of a cluster the stream is kept, an integer from 1 to 5. Default 1. */
  readonly replicas?: number | undefined;
}

/**
 * A log in NATS JetStream (2.9 or newer), for hubs in any number of processes.
 *
 *     const connection = await connect({ servers, maxReconnectAttempts: -1, pingInterval: 2000 });
 *     const stream = sse({ log: natsLog(jetstream(connection), { prefix: 'orders' }) });
 *
 * `js` is what `jetstream()` of `@nats-io/jetstream` 3 gives. Its connection is used, and left open
 * when the hub is closed. Let it reconnect for ever, and look often whether it is dead, as above: by
 * default it gives up for good, and takes minutes to notice.
 *
 * The stream `sse_<prefix>`, with the one subject `sse.<prefix>`, is made if it is not there yet, with
 * the bounds of `history`. One that is there is used as it is: its limits are the history.
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
    // JetStream stores one message at a time, and the next is sent when it has this one: so many at
    // once could change places where its leader does.
    write: { records: 1, bytes: 1 },
    connect: async () => new NatsSession(js, await js.jetstreamManager(false), settings, writer),
  };
  return remoteLog(engine);
}

interface NatsSettings extends SharedLogSettings {
  readonly replicas: number;
}

/** How long to wait for a new message, and how many are given at most. */
const WAIT = 1000;
const MOST_ENTRIES = 128;

/** How many messages the client holds for us before they are asked for. */
const PREFETCH = 256;

/** How long JetStream may take to say that it has a message, in ms: less than the time limit of all calls. */
const PUBLISH_TIMEOUT = 3000;

/** How often, and after how many ms, it is looked whether a stream is made that another node makes. */
const MOST_LOOKS = 20;
const LOOK_INTERVAL = 25;

/** How long a server may take to delete a stream, from when it says that there is none, in ms. */
const DELETION = 1000;

/** How long after it seems to have lost messages a stream is looked at again, in ms. */
const SECOND_LOOK = 500;

/** For how long JetStream remembers a message, so that it is stored once, in ms. */
const DUPLICATE_WINDOW = 2 * 60 * 1000;

/** After this long JetStream forgets a consumer that nobody reads from, in ms. */
const FORGET_CONSUMER = 60_000;

const NANOSECONDS = 1e6;

class NatsSession implements Session {
  readonly #js: JetStream;
  readonly #manager: JetStreamManager;
  readonly #settings: NatsSettings;
  readonly #writer: string;
  readonly #stream: string;
  readonly #subject: string;
  #epoch = '';
  #reading: Reading | undefined;
  readonly #closing = new AbortController();

  constructor(js: JetStream, manager: JetStreamManager, settings: NatsSettings, writer: string) {
    this.#js = js;
    this.#manager = manager;
    this.#settings = settings;
    this.#writer = writer;
    this.#stream = `sse_${settings.prefix}`;
    this.#subject = `sse.${settings.prefix}`;
  }

  async sync(known: Known | undefined): Promise<Extent> {
    const extent = await this.#extent(known !== undefined);
    if (known === undefined || !(await this.#hasLost(known, extent))) return extent;
    // A leader that has only just been elected may have to read first what it has.
    await sleep(SECOND_LOOK, undefined, { signal: this.#closing.signal });
    const again = await this.#extent();
    return (await this.#hasLost(known, again)) ? this.#beginLife(again.head, known) : again;
  }

  async next(after: number): Promise<StoredEntry[]> {
    if (this.#reading === undefined || this.#reading.position !== after) {
      if (!(await this.#readFrom(after))) return [];
    }
    const reading = this.#reading as Reading;
    const entries: StoredEntry[] = [];
    for (let wait = WAIT; entries.length < MOST_ENTRIES; wait = 0) {
      reading.pending ??= new Upcoming(reading.iterator.next());
      const next = await reading.pending.within(wait);
      if (next === undefined) break;
      reading.pending = undefined;
      if (next.done) throw new Error('NATS ended the consumer');
      if (next.value.info.consumer !== reading.consumer) {
        // It was made anew, on a stream that may be another one by now.
        this.#stopReading();
        break;
      }
      entries.push(this.#entry(next.value));
      reading.position = next.value.seq;
    }
    return entries;
  }

  async read(after: number, limit: number): Promise<StoredEntry[]> {
    const { trimmedTo, head } = await this.#extent();
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
    if (entries.length === 0 && (await this.#has(from))) throw new Error('NATS gave no messages');
    return entries;
  }

  async append({ number, records }: Write, known: Known | undefined): Promise<Place> {
    if (this.#epoch === '' || (known && known.epoch !== this.#epoch)) await this.sync(known);
    const tag = `${this.#writer}:${number}`;
    const [record] = records as [LogRecord];
    const { seq, duplicate } = await this.#js
      .publish(this.#subject, encode(record, tag), { msgID: tag, timeout: PUBLISH_TIMEOUT })
      .catch(refuse);
    if (seq < 1) throw new Error('NATS has the message under way, and not stored yet');
    if (!duplicate && known?.epoch === this.#epoch && seq <= known.sequence) {
      // The stream was made anew, or has lost its newest messages: this is the first of another life.
      await this.#beginLife(seq - 1, known);
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

  async #extent(wasThere = true): Promise<Extent> {
    return this.#adopt(extentOf(this.#stream, await this.#info(wasThere)));
  }

  /** The stream, made if it is not there. */
  async #info(wasThere = true): Promise<StreamInfo> {
    let info = await this.#find();
    if (info === undefined && wasThere) {
      // Who deletes a stream is told that it is gone when its files are. All others see it earlier,
      // and would have the files of a new one deleted with them.
      await sleep(DELETION, undefined, { signal: this.#closing.signal });
      info = await this.#find();
    }
    this.#closing.signal.throwIfAborted();
    info ??= await this.#make();
    for (let looks = 0; !isBorn(info); looks++) {
      if (looks === MOST_LOOKS) throw new Error('NATS does not finish to make the stream');
      await sleep(LOOK_INTERVAL, undefined, { signal: this.#closing.signal });
      info = await this.#look();
    }
    return info;
  }

  async #find(): Promise<StreamInfo | undefined> {
    try {
      return await this.#look();
    } catch (error) {
      if ((error as { code?: unknown }).code !== STREAM_NOT_FOUND) throw error;
      return undefined;
    }
  }

  async #look(): Promise<StreamInfo> {
    const info = await this.#manager.streams.info(this.#stream);
    if (!isLed(info)) throw new Error('the stream has no leader now');
    return info;
  }

  async #make(): Promise<StreamInfo> {
    const { events, age, replicas } = this.#settings;
    try {
      return await this.#manager.streams.add({
        name: this.#stream,
        subjects: [this.#subject],
        storage: 'file',
        discard: 'old',
        max_msgs: Number.isFinite(events) ? events : -1,
        max_age: Number.isFinite(age) ? age * NANOSECONDS : 0,
        duplicate_window:
          (Number.isFinite(age) ? Math.min(age, DUPLICATE_WINDOW) : DUPLICATE_WINDOW) * NANOSECONDS,
        num_replicas: replicas,
      });
    } catch (error) {
      // Another node was quicker.
      const { code } = error as { code?: unknown };
      if (code !== STREAM_NAME_IN_USE && code !== SUBJECTS_OVERLAP) throw error;
      return this.#look();
    }
  }

  /** Whether an entry that was there is not, other than for its age, or is another one. */
  async #hasLost(known: Known, { epoch, trimmedTo, head }: Extent): Promise<boolean> {
    const { sequence, tag } = known;
    if (known.epoch !== epoch) return known.former.includes(epoch);
    if (head < sequence) return true;
    if (tag === '' || sequence <= trimmedTo) return false;
    const message = await this.#manager.streams.getMessage(this.#stream, { seq: sequence });
    return message !== null && decode(message).tag !== tag;
  }

  /** Whether there is a message above this sequence. */
  async #has(after: number): Promise<boolean> {
    const query = { seq: after + 1, next_by_subj: this.#subject };
    return (await this.#manager.streams.getMessage(this.#stream, query)) !== null;
  }

  /** Streams have no epoch but their birth: that another life has begun since is kept beside it. */
  async #beginLife(start: number, { epoch, former }: Known): Promise<Extent> {
    let info = await this.#info();
    const over = [...former, epoch];
    // Another node may have noticed as well, and been quicker.
    if (over.includes(extentOf(this.#stream, info).epoch)) {
      const description = describeLife(this.#stream, info, start, over);
      info = await this.#manager.streams.update(this.#stream, { description });
    }
    return this.#adopt(extentOf(this.#stream, info));
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
    return (await this.#extent()).epoch === epoch;
  }

  #stopReading(): void {
    this.#reading?.messages.stop();
    this.#reading = undefined;
  }

  #consumer(after: number): ReturnType<JetStream['consumers']['get']> {
    return this.#js.consumers.get(this.#stream, {
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
  /** The name of the consumer that messages are to come from. */
  readonly consumer: string;
  /** The next message, asked for already. */
  pending: Upcoming<IteratorResult<DeliveredMessage>> | undefined;
}

/** Passes: the same message is still on its way, or it is too much at once, or nobody is ready. */
const PASSING = [409, 429, 503];

function refuse(error: Error & { readonly status?: unknown }): never {
  const isForGood =
    error.name === 'InvalidArgumentError' ||
    (typeof error.status === 'number' && !PASSING.includes(error.status));
  if (!isForGood) throw error;
  const message = `NATS refused the event: ${error.message}`;
  throw new SseError('ERR_SSE_LOG_REFUSED', message, { cause: error });
}
