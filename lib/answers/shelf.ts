import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, ConnectedClient } from '../client/client.js';
import { describe, messageOf, quote, SseError } from '../errors.js';
import { createEncoder, type Encode } from '../frame.js';
import { EventHub } from '../hub.js';
import { formatEventId } from '../log/event-id.js';
import type { Log } from '../log/log.js';
import type { CloseSettings } from '../options.js';
import type { Reporter } from '../util/logger.js';
import { withTimeLimit } from '../util/time-limit.js';
import type { AnswerHost, RunningAnswer } from './answer.js';
import { Catalogue } from './catalogue.js';
import { Leases } from './lease.js';
import { LocalAnswers } from './local.js';
import { type AnswerEnd, type AnswersSettings, hubOptions, type RoomyLog } from './options.js';
import { ALIVE, INDEX, isRoomOfAnswer, type Known, Registry, START } from './registry.js';
import { RoomStore } from './room-store.js';
import { watchedLog } from './watched-log.js';

/** How many events an answer may have, where its log keeps as many. */
const MOST_EVENTS = 100_000;

/** After how long an end that could not be stored is stored again, in ms. */
const RETRY_DELAY = 500;

/** How long it may take to read which answers there are, in ms, where `sendTimeout` doesn't say it. */
const READY_TIMEOUT = 10_000;

const MAX_EVENT_BYTES = 16 * 1024 * 1024;

/** The answers of one log, as one process sees them. */
export class Shelf implements AnswerHost {
  readonly hub: EventHub;
  readonly settings: AnswersSettings;
  readonly encode: Encode;
  readonly #log: RoomyLog;
  readonly #registry: Registry;
  readonly #catalogue: Catalogue;
  readonly #leases: Leases | undefined;
  readonly #producer = randomBytes(9).toString('base64url');
  readonly #local: LocalAnswers;
  readonly #expiries = new Map<Known, NodeJS.Timeout>();
  /** Those whose process is gone, until they have their end. */
  readonly #failing = new WeakSet<Known>();
  #isClosing = false;
  #isClosed = false;

  constructor(given: RoomyLog | undefined, settings: AnswersSettings) {
    this.settings = settings;
    this.#log = given ?? new RoomStore(isRoomOfAnswer);
    this.#local = new LocalAnswers(this, this.#producer, eventsOf(this.#log, settings));
    this.#registry = new Registry(settings.maxAnswers, {
      started: (token, verdict) => this.#local.decided(token, verdict),
      ended: (answer) => this.#ended(answer),
      dropped: (answer) => this.#dropped(answer),
      alive: (producer) => this.#leases?.alive(producer),
    });
    this.#catalogue = new Catalogue(this.#log, this.#registry);
    this.hub = new EventHub({
      ...hubOptions(settings),
      log: watchedLog(this.#log, {
        begin: (epoch, head) => this.#begin(epoch, head),
        entry: (entry) => this.#catalogue.entry(entry),
        connected: () => this.#leases?.listen(true),
        disconnected: () => this.#leases?.listen(false),
      }),
    });
    this.encode = createEncoder(settings.serialize, MAX_EVENT_BYTES, this.reporter);
    // Nobody else can produce what is in the memory of this process.
    if (given !== undefined) this.#leases = this.#watchProducers();
  }

  get reporter(): Reporter {
    return this.hub.logger;
  }

  all(): Iterable<Known> {
    return this.#registry.all();
  }

  /** The answer with this id. Rejects where the log is unreachable, and this process does not know of it. */
  async find(id: string): Promise<Known | undefined> {
    await this.#isReady();
    return this.#registry.get(id) ?? this.findNow(id);
  }

  /** The same, as it is now in the log. Rejects where the log is unreachable. */
  async findNow(id: string): Promise<Known | undefined> {
    await this.caughtUp();
    return this.#registry.get(id);
  }

  /** Resolves when all is known here that was stored before the call. Rejects where the log is unreachable. */
  async caughtUp(): Promise<void> {
    await this.#log.caughtUp?.().catch(refuse);
    await this.#isReady();
  }

  /** Resolves when all answers are known here, and rejects as a send does. */
  #isReady(): Promise<void> {
    const limit = this.settings.sendTimeout ?? READY_TIMEOUT;
    return withTimeLimit(this.#catalogue.ready, limit, 'to read the answers').catch(refuse);
  }

  get epoch(): string {
    return this.#catalogue.epoch;
  }

  /** The id of the event right before the answer's first one. */
  beginningOf(known: Known): string {
    return formatEventId(this.epoch, known.start);
  }

  /** The same, if the log has all that the answer had: one without a bound for each room may have dropped its beginning. */
  async findWhole(id: string): Promise<Known | undefined> {
    const known = await this.find(id);
    if (known === undefined || this.#log.keepRooms !== undefined) return known;
    const { lost } = await this.#log.readRooms(known.start, 1, [known.room]).catch(refuse);
    return lost > known.start ? undefined : known;
  }

  async start(id: string): Promise<RunningAnswer> {
    await this.#isReady();
    this.#checkOpen();
    const token = randomBytes(9).toString('base64url');
    const started = this.#local.beginning(token);
    const beginning = { id, token, producer: this.#producer, at: Date.now() };
    this.#say(START, beginning).catch((error) => this.#local.refuse(token, error));
    return started;
  }

  store({ room }: Known, type: string, text: string): Promise<unknown> {
    return this.hub.to(room).sendEvent(type, text);
  }

  async finish(known: Known, end: AnswerEnd): Promise<void> {
    const { type, data } = this.#endEvent(end);
    while (known.status === 'running' && !this.#isClosed) {
      try {
        await this.hub.to(known.room, INDEX, end.status).sendEvent(type, data);
        break;
      } catch {
        // Without an end, its readers would wait for ever.
        await sleep(RETRY_DELAY, undefined, { ref: false });
      }
    }
    if (!this.#isClosed) await known.over;
  }

  /** A client reads the answer: its stream ends with it. */
  admit(known: Known, client: Client): void {
    if (known.status !== 'running') {
      this.#end(known, client);
      return;
    }
    known.readers.add(client);
    client.signal.addEventListener('abort', () => known.readers.delete(client));
    // Readers of what others produce can go on at another process.
    if (this.#local.has(known)) ConnectedClient.cursorOf(client)?.hold();
  }

  /** Lets nobody in to read. Resolves when nothing runs here, and nobody reads here. */
  async drain(timeout: number): Promise<void> {
    // The readers of what fails now are to have the end as well.
    const left = this.hub.closing.drain({ timeout: timeout + LAST_END });
    const timer = setTimeout(() => this.#local.failAll('shutdown'), timeout);
    // What begins meanwhile counts as well: its request was let in.
    await Promise.race([
      this.#local.settled(),
      sleep(timeout + LAST_END, undefined, { ref: false }),
    ]);
    clearTimeout(timer);
    await left;
  }

  async close({ timeout, final }: CloseSettings): Promise<void> {
    this.#isClosing = true;
    this.#local.failAll('shutdown');
    await Promise.race([this.#local.settled(), sleep(timeout / 2, undefined, { ref: false })]);
    this.#isClosed = true;
    this.#leases?.close();
    for (const timer of this.#expiries.values()) clearTimeout(timer);
    await this.hub.close({ timeout, final });
  }

  #checkOpen(): void {
    if (!this.#isClosing) return;
    throw new SseError('ERR_SSE_CLOSED', 'the answers are closed: none is started');
  }

  #watchProducers(): Leases {
    return new Leases({
      producers: () => this.#others(),
      isProducing: () => this.#local.areRunning,
      renew: () => void this.#say(ALIVE, { producer: this.#producer }, true).catch(() => {}),
      caughtUp: async () => this.#log.caughtUp?.(),
      gone: (producer) => this.#gone(producer),
    });
  }

  *#others(): Iterable<string> {
    for (const { status, producer } of this.#registry.all()) {
      if (status === 'running' && producer !== this.#producer) yield producer;
    }
  }

  #begin(epoch: string, head: number): void {
    this.#catalogue.begin(epoch, head);
    const lost = new SseError('ERR_SSE_LOG_AWAY', 'the log was lost while the answer began');
    this.#local.refuseAll(lost);
  }

  #gone(producer: string): void {
    for (const known of this.#registry.all()) {
      if (known.status !== 'running' || known.producer !== producer) continue;
      if (this.#failing.has(known)) continue;
      this.#failing.add(known);
      this.reporter.warn(`answer ${quote(known.id)} failed: its process is gone`);
      void this.finish(known, { status: 'failed', reason: 'lost' });
    }
  }

  #say(type: string, data: object, ephemeral = false): Promise<string> {
    return this.hub.to(INDEX).sendEvent(type, data, { ephemeral });
  }

  #ended(known: Known): void {
    for (const client of known.readers) this.#end(known, client);
    known.readers.clear();
    this.#local.over(known, known.status);
    const { keep, maxTime } = this.settings;
    const kept = known.at + maxTime + keep - Date.now();
    const timer = setTimeout(() => this.#registry.drop(known), Math.max(0, Math.min(keep, kept)));
    timer.unref();
    this.#expiries.set(known, timer);
  }

  #dropped(known: Known): void {
    clearTimeout(this.#expiries.get(known));
    this.#expiries.delete(known);
    this.#log.dropRoom?.(known.room);
    if (known.status !== 'running') return;
    known.status = 'failed';
    this.#local.over(known, 'its log was lost');
    const { type, data } = this.#endEvent({ status: 'failed', reason: 'lost' });
    for (const client of known.readers) {
      void client.sendEvent(type, data);
      client.close();
    }
  }

  /** What readers get last. An answer has to end, whatever the user's function does. */
  #endEvent(end: AnswerEnd): { readonly type: string; readonly data: unknown } {
    try {
      const { type = 'message', data } = this.settings.endEvent(end);
      this.encode(type, data);
      return { type, data };
    } catch (error) {
      this.reporter.warn(`endEvent failed for ${quote(end)}: ${describe(error)}`);
      return { type: end.status, data: {} };
    }
  }

  #end({ end }: Known, client: Client): void {
    const cursor = ConnectedClient.cursorOf(client);
    if (end !== undefined && cursor !== undefined) cursor.host.finish(cursor, end);
  }
}

/** The error of a log that can't be asked. */
function refuse(cause: unknown): never {
  const message = `the log is unreachable: ${messageOf(cause)}`;
  throw new SseError('ERR_SSE_LOG_AWAY', message, { cause });
}

/** How long readers have for the end of answers that a drain has failed, in ms. */
const LAST_END = 1000;

/** How many events an answer may have. Throws a RangeError for a log that keeps its rooms for too short a time. */
function eventsOf(log: Log, { keep, maxTime }: AnswersSettings): number {
  const wanted = { events: MOST_EVENTS, age: Math.min(keep + maxTime, 2 ** 31 - 1) };
  const { events, age } = log.keepRooms?.(wanted) ?? wanted;
  if (age >= wanted.age) return events;
  throw new RangeError(
    `log: its history.room.age, ${age} ms, must be at least keep and maxTime together, ${wanted.age} ms`,
  );
}
