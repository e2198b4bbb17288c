import { quote } from './errors.js';
import { flag, type Readers, readOptions, type Settings } from './validate.js';

/** Events of any type, with any data: the default of all type parameters. */
export type AnyEvents = Record<string, unknown>;

export interface SendOptions {
  /**
   * Ends the wait for a slot of the publish queue: the send rejects with the signal's reason, and nothing
   * was sent. Default: none.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * Tells clients to wait this long before they reconnect, in ms. An integer from 0 to 2 147 483 647.
   * Default: none, and the clients keep the time that they have.
   */
  readonly retry?: number | undefined;
  /**
   * A newer event with this key, and for the same rooms, replaces this one for clients that lag: they
   * receive only the latest value per key, and clients that keep up receive each event. A non-empty
   * string. Default: none.
   */
  readonly conflate?: string | undefined;
  /**
   * Whether the event is for those alone who are connected now, such as the news that somebody is typing. It is kept for
   * nobody, and nobody who was not there has missed it. Default false.
   */
  readonly ephemeral?: boolean | undefined;
  /**
   * A client, or its id, that the event is not for: the one that has caused it, say. After a reconnect it is another client,
   * with another id. Default: none.
   */
  readonly except?: string | { readonly id: string } | undefined;
}

/** The arguments of `send`, and of `sendEvent` behind the type. Data that may be undefined is optional. */
export type SendArguments<Data, Options = SendOptions> = undefined extends Data
  ? [data?: Data, options?: Options]
  : [data: Data, options?: Options];

/** The data of events of the type `message`, where there are such. */
export type MessageData<Events> = 'message' extends keyof Events ? Events['message'] : never;

/** Accepts events. */
export interface Publisher<Events extends object = AnyEvents> {
  /** `sendEvent` with the type `message`: what `EventSource.onmessage` listens to. */
  send(...args: SendArguments<MessageData<Events>>): Promise<string>;

  /**
   * Sends an event to every connected client, and keeps it for clients that reconnect.
   *
   * Strings are sent as they are, bytes (a Uint8Array or an ArrayBuffer) as UTF-8, `undefined` as empty data,
   * everything else through the option `serialize` (JSON). The data is read before the call returns.
   *
   * Resolves with the event's id as soon as the event is in the log: it then has its place in the one
   * order that all clients see. While `requestQueueSize` events are on their way, the send waits for a
   * slot, in the order of the calls. It never waits for a slow client, nor fails because of one.
   *
   * Rejects with a TypeError for a type with CR, LF or NUL, or data that can't be serialized or of which nothing
   * would arrive (a Map, a promise, an Error); with a RangeError for an event beyond `maxEventBytes`; with a
   * TypeError or RangeError for a bad option; with the reason of `signal`; with an SseError
   * `ERR_SSE_CLOSED` after `close()`. In each of these cases nothing was sent.
   *
   * With a shared log, rejects also with an SseError `ERR_SSE_LOG_REFUSED` where the log will not take the
   * event, and `ERR_SSE_LOG_AWAY` where it has stored nothing for the hub's `sendTimeout`: the event may be
   * stored all the same, and so may an event that was on its way when the hub was closed.
   *
   * A rejection is no unhandled one where nobody awaits the send: the hub's logger receives a line. Without a
   * logger, the process emits a warning, once for each kind of error.
   */
  sendEvent<Type extends keyof Events & string>(
    type: Type,
    ...args: SendArguments<Events[Type]>
  ): Promise<string>;
}

const sendOptions = {
  signal: (value: unknown): AbortSignal | undefined => {
    if (value === undefined || value instanceof AbortSignal) return value;
    throw new TypeError(`signal ${quote(value)}: must be an AbortSignal`);
  },
  // Checked where the frame is made.
  retry: (value: unknown) => value as number | undefined,
  conflate: (value: unknown): string | undefined => {
    if (value === undefined || (typeof value === 'string' && value !== '')) return value;
    throw new TypeError(`conflate ${quote(value)}: must be a non-empty string`);
  },
  ephemeral: (value: unknown) => flag('ephemeral', value, false),
  except: (value: unknown): string | undefined => {
    const id = typeof value === 'object' && value !== null ? (value as { id?: unknown }).id : value;
    if (value === undefined || (typeof id === 'string' && id !== ''))
      return id as string | undefined;
    throw new TypeError(`except ${quote(value)}: must be a client, or the id of one`);
  },
} satisfies Readers<SendOptions>;

const NO_OPTIONS: SendOptions = {};
const DEFAULTS = readOptions('send options', NO_OPTIONS, sendOptions);

/** Checks the options of a send. Throws a TypeError that names the option for a bad one. */
export function readSendOptions(options = NO_OPTIONS): Settings<typeof sendOptions> {
  // Most sends have none.
  return options === NO_OPTIONS ? DEFAULTS : readOptions('send options', options, sendOptions);
}
