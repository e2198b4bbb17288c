import { setMaxListeners } from 'node:events';
import { sendFrom } from '../client/send-from.js';
import { describe, kindOf, messageOf, quote, SseError } from '../errors.js';
import { type Encode, readFrame } from '../frame.js';
import type { Reporter } from '../util/logger.js';
import { Outcome } from '../util/outcome.js';
import { flag, isEventType, type Readers, readOptions } from '../validate.js';
import type { AnswerEnd, AnswerStatus, AnswersSettings } from './options.js';
import { Outbox } from './outbox.js';
import type { Known } from './registry.js';

/** The options of `answer.send`. */
export interface AnswerSendOptions {
  /** The event's type. Default `'message'`. */
  readonly type?: string | undefined;
}

/** The options of `answer.sendFrom`. */
export interface AnswerSendFromOptions extends AnswerSendOptions {
  /** Whether the answer ends with its source. Default true; false for an answer with several sources, and `end()`. */
  readonly end?: boolean | undefined;
}

/** An answer, where it is produced. */
export interface Answer {
  readonly id: string;
  /** Aborts when the answer is stopped or has failed, so that the work for it can stop. */
  readonly signal: AbortSignal;
  readonly status: AnswerStatus;
  /**
   * Adds a chunk. Strings are text, bytes are text in UTF-8, everything else is sent as JSON. Resolves when the log has it;
   * a sender need not wait. Rejects with an SseError `ERR_SSE_ANSWER_ENDED` where the answer takes nothing more, with a
   * TypeError or RangeError for what can't be sent, and where the log fails: the answer fails then as well.
   */
  send(data: unknown, options?: AnswerSendOptions): Promise<void>;
  /**
   * Adds every value of an iterable, as `send` does, as fast as it comes: the log is the buffer. Bytes are one text,
   * wherever a chunk ends. At its end the answer ends, unless `end` is false.
   *
   * Resolves when the iterable is done, or the answer is over: the iterator's `return` is called then. Rejects with what the
   * iterable throws, and the answer has failed. Nobody need wait for it.
   */
  sendFrom(
    source: AsyncIterable<unknown> | Iterable<unknown>,
    options?: AnswerSendFromOptions,
  ): Promise<void>;
  /** Ends the answer as done, once the log has everything. Does nothing for one that is over. */
  end(): Promise<void>;
  /** Ends the answer as failed. All readers see the reason, a string. Does nothing for one that is over. */
  fail(reason: string): Promise<void>;
}

/** What an answer asks of the log it is in. */
export interface AnswerHost {
  readonly settings: AnswersSettings;
  readonly reporter: Reporter;
  readonly encode: Encode;
  store(known: Known, type: string, text: string): Promise<unknown>;
  /** Stores an end. Resolves when the answer has one, this or another. */
  finish(known: Known, end: AnswerEnd): Promise<void>;
}

const sendFromOptions = {
  type: (value: unknown = 'message') => value as string,
  end: (value: unknown) => flag('end', value, true),
} satisfies Readers<AnswerSendFromOptions>;

export class RunningAnswer implements Answer {
  readonly #known: Known;
  readonly #host: AnswerHost;
  readonly #outbox: Outbox;
  readonly #over = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #bytes = 0;
  #events = 0;
  readonly #mostEvents: number;
  #ending: Promise<void> | undefined;

  constructor(known: Known, host: AnswerHost, mostEvents: number) {
    this.#known = known;
    this.#host = host;
    this.#mostEvents = mostEvents;
    const { every, maxTime } = host.settings;
    this.#outbox = new Outbox(
      every,
      (type, text) => host.store(known, type, text),
      (error) => this.#fault(error),
    );
    setMaxListeners(0, this.#over.signal);
    this.#timer = setTimeout(() => void this.#fail('too long'), maxTime);
    this.#timer.unref();
  }

  get id(): string {
    return this.#known.id;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  get status(): AnswerStatus {
    return this.#known.status;
  }

  /** Resolves when it runs no more. */
  get over(): Promise<void> {
    return this.#known.over;
  }

  send(data: unknown, options: AnswerSendOptions = {}): Promise<void> {
    return this.#outcome(() => {
      const { type } = readOptions('send options', options, { type: sendFromOptions.type });
      return this.#add(type, data);
    });
  }

  sendFrom(
    source: AsyncIterable<unknown> | Iterable<unknown>,
    options: AnswerSendFromOptions = {},
  ): Promise<void> {
    return this.#outcome(async () => {
      const { type, end } = readOptions('sendFrom options', options, sendFromOptions);
      checkType(type);
      const recipient = {
        signal: this.signal,
        isOver: () => this.#isOver,
        get isLeaving() {
          return this.isOver();
        },
      };
      try {
        await sendFrom(source, recipient, async (value) => {
          // The log is the buffer: its failure ends the answer.
          this.#add(type, value).catch(() => {});
        });
      } catch (error) {
        if (this.#isOver) return;
        await this.#fail(this.#reasonOf(error), describe(error));
        throw error;
      }
      if (end) await this.end();
    }, true);
  }

  end(): Promise<void> {
    return this.#finish({ status: 'done' });
  }

  fail(reason: string): Promise<void> {
    if (typeof reason === 'string') return this.#fail(reason);
    const error = new TypeError(`fail reason ${quote(reason)}: must be a string`);
    return this.#outcome(() => Promise.reject(error));
  }

  /** It has an end, whoever has set it. */
  ended(reason: string): void {
    const { status } = this.#known;
    clearTimeout(this.#timer);
    const error = endedError(this.id, reason);
    this.#outbox.close(error);
    if (status !== 'done') this.#over.abort(error);
  }

  get #isOver(): boolean {
    return this.#ending !== undefined || this.#known.status !== 'running';
  }

  async #add(type: string, data: unknown): Promise<void> {
    if (this.#isOver) throw endedError(this.id, this.#ending ? 'it is being ended' : this.status);
    checkType(type);
    const isText = typeof data === 'string';
    const text = isText ? data : readFrame(this.#host.encode(type, data)).data;
    if (text === '') return;
    this.#bytes += Buffer.byteLength(text);
    this.#events++;
    const { maxBytes } = this.#host.settings;
    if (this.#bytes > maxBytes || this.#events > this.#mostEvents) {
      const most =
        this.#bytes > maxBytes ? `maxBytes, ${maxBytes} bytes` : `${this.#mostEvents} events`;
      void this.#fail('too large', `it has more than ${most}`);
      throw endedError(this.id, `failed: it has more than ${most}`);
    }
    return this.#outbox.add(type, text, isText);
  }

  #fault(error: unknown): void {
    if (!this.#isOver) void this.#fail('lost', `the log has not stored it: ${messageOf(error)}`);
  }

  #fail(reason: string, why = reason): Promise<void> {
    if (!this.#isOver) this.#host.reporter.warn(`answer ${quote(this.id)} failed: ${why}`);
    return this.#finish({ status: 'failed', reason });
  }

  #reasonOf(error: unknown): string {
    try {
      const reason = this.#host.settings.onError(error);
      if (typeof reason === 'string') return reason;
      this.#host.reporter.warn(`onError returned ${quote(reason)}: must be a string`);
    } catch (thrown) {
      this.#host.reporter.warn(`onError threw ${describe(thrown)}`);
    }
    return 'error';
  }

  /** The first end is the answer's. */
  #finish(end: AnswerEnd): Promise<void> {
    this.#ending ??= this.#known.status === 'running' ? this.#store(end) : this.over;
    return this.#ending;
  }

  async #store(end: AnswerEnd): Promise<void> {
    await this.#outbox.flushed();
    if (this.#known.status === 'running') await this.#host.finish(this.#known, end);
  }

  /** `isLogged`: the logger has received a line already, where there is one. */
  #outcome(work: () => Promise<void>, isLogged = false): Promise<void> {
    const { reporter } = this.#host;
    return Outcome.of(work, (error) => {
      // That it is over is no news to whoever does not wait.
      if (error instanceof SseError || (isLogged && reporter.hasLogger)) return;
      reporter.unheard(`answer ${kindOf(error)}`, `answer ${quote(this.id)}: ${describe(error)}`);
    });
  }
}

function endedError(id: string, why: string): SseError {
  return new SseError('ERR_SSE_ANSWER_ENDED', `answer ${quote(id)} takes nothing more: ${why}`);
}

function checkType(type: unknown): void {
  if (isEventType(type)) return;
  throw new TypeError(`type ${quote(type)}: must be a non-empty string without CR, LF and NUL`);
}
