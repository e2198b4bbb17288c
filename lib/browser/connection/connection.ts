// browser/connection/: one connection over fetch, made anew whenever it is lost.

import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { isOffline, onOffline, onWake } from '../stream/environment.js';
import type { ConnectOptions } from '../stream/options.js';
import type { Reader, Source } from '../stream/step.js';
import type { StreamState } from '../stream/stream.js';
import { StreamError } from '../stream/stream-error.js';
import { Opening } from './opening.js';
import { Retry } from './retry.js';
import { Silence } from './silence.js';
import { judge } from './verdict.js';

/** After so many heartbeats without a word, a stream is dead. */
const MISSED_HEARTBEATS = 2;

/** A connection over `fetch`, made anew whenever it is lost, until it is closed. */
export class Connection implements Source {
  readonly #options: ConnectOptions;
  readonly #reader: Reader;
  #url: string;
  #method: string;
  #place: string;
  state: StreamState = 'connecting';
  readonly #retry = new Retry();
  readonly #silence = new Silence(() => this.#cut('nothing has come for too long'));
  #request = new AbortController();
  /** Ends the wait for the next attempt. */
  #hurry: () => void = () => {};
  /** Whether the headers were asked anew since a stream was open. */
  #isRenewed = false;
  #isClosed = false;
  readonly #endWake = onWake(() => {
    this.#silence.look();
    if (!isOffline()) this.#hurry();
  });
  readonly #endOffline = onOffline(() => this.#cut('the device is offline'));

  /** Begins behind the event with the id `place`. */
  constructor(url: string, options: ConnectOptions, place: string, reader: Reader) {
    this.#url = url;
    this.#options = options;
    this.#method = options.method ?? 'GET';
    this.#place = place;
    this.#reader = reader;
    this.#run();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#endWake();
    this.#endOffline();
    this.#silence.rest();
    this.#request.abort();
    this.#hurry();
  }

  #end(error?: StreamError): void {
    if (this.#isClosed) return;
    this.close();
    this.#say('closed', error);
  }

  #become(state: StreamState, error?: StreamError): void {
    if (!this.#isClosed) this.#say(state, error);
  }

  #say(state: StreamState, error?: StreamError): void {
    if (this.state === state && error === undefined) return;
    this.state = state;
    this.#reader.take({ place: this.#place, state, error });
  }

  async #run(): Promise<void> {
    while (!this.#isClosed) {
      const { after = 0, isRenewal = false, error } = await this.#connect();
      this.#silence.rest();
      if (!isRenewal) await this.#wait(this.#retry.next(after), error);
      this.#become('connecting');
    }
  }

  /** Resolves when there is to be another attempt. */
  async #connect(): Promise<{
    readonly after?: number;
    readonly isRenewal?: boolean;
    readonly error?: StreamError | undefined;
  }> {
    this.#request = new AbortController();
    const { signal } = this.#request;
    try {
      this.#silence.begin();
      const response = await this.#fetch(signal);
      const verdict = judge(response);
      if (verdict === undefined) {
        await this.#read(response);
        return this.#lost(new StreamError(`${this.#url}: the stream has ended`, 200));
      }
      // Nobody reads it.
      this.#request.abort();
      const { next, error, after = 0 } = verdict;
      if (next === 'later') return { after, error };
      if (next === 'renew' && typeof this.#options.headers === 'function' && !this.#isRenewed) {
        this.#isRenewed = true;
        return { isRenewal: true };
      }
      this.#end(error);
      return {};
    } catch (cause) {
      const { reason } = signal;
      const why = reason instanceof StreamError ? reason.message : String(cause);
      return this.#lost(new StreamError(`${this.#url}: ${why}`, undefined, { cause }));
    }
  }

  /** What would be done twice is not sent again. */
  #lost(error: StreamError): { error: StreamError } {
    const isSafe = ['GET', 'HEAD'].includes(this.#method) || this.#place !== '';
    if (!isSafe) this.#end(error);
    return { error };
  }

  async #fetch(signal: AbortSignal): Promise<Response> {
    const { headers, credentials = 'same-origin', fetch = globalThis.fetch } = this.#options;
    const own = typeof headers === 'function' ? await headers() : headers;
    const request = {
      method: this.#method,
      headers: {
        accept: 'text/event-stream',
        ...(this.#place !== '' && { 'last-event-id': this.#place }),
        ...own,
      },
      ...(this.#method !== 'GET' && { body: this.#options.body }),
      ...{ credentials, signal, cache: 'no-store' },
    };
    return (await fetch(this.#url, request as RequestInit)) as Response;
  }

  async #read(response: Response): Promise<void> {
    this.#retry.reset();
    this.#isRenewed = false;
    const place = response.headers.get('content-location');
    if (place !== null) {
      this.#url = new URL(place, response.url).href;
      this.#method = 'GET';
    }
    this.#become('replaying');
    const opening = new Opening();
    const parser = createParser({
      onEvent: (message) => this.#receive(message, opening),
      onRetry: (retry) => {
        this.#retry.base = retry;
      },
    });
    const decoder = new TextDecoder();
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    this.#silence.expect(Number.POSITIVE_INFINITY);
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.#isClosed) return;
      this.#silence.heard();
      parser.feed(decoder.decode(value, { stream: true }));
      await this.#room();
    }
  }

  /** Nothing is read, and nothing is expected, while the reader has no room for more. */
  async #room(): Promise<void> {
    const room = this.#reader.room();
    if (room === undefined) return;
    this.#silence.rest();
    await room;
    if (!this.#isClosed) this.#silence.heard();
  }

  #receive({ event: type = 'message', data, id }: EventSourceMessage, opening: Opening): void {
    if (this.#isClosed) return;
    if (id !== undefined) this.#place = id;
    this.#reader.take({ event: [type, data], place: this.#place, state: this.state });
    opening.see(type, data);
    if (opening.heartbeat !== undefined) {
      const { heartbeat } = opening;
      opening.heartbeat = undefined;
      if (heartbeat > 0) this.#silence.expect(MISSED_HEARTBEATS * heartbeat);
    }
    if (opening.isOver) this.#become('live');
  }

  #cut(why: string): void {
    this.#request.abort(new StreamError(why));
  }

  async #wait(ms: number, error: StreamError | undefined): Promise<void> {
    this.#become(isOffline() ? 'offline' : 'waiting', error);
    if (this.#isClosed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#hurry = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#hurry = () => {};
  }
}
