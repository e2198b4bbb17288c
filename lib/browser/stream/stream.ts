// browser/stream/: what the rooms of the client have in common: a stream, its steps and options, and the page around it.

import type { StreamError } from './stream-error.js';

/** Events of any type, with any data. */
export type AnyEvents = Record<string, unknown>;

/** What a client has missed for good. */
export interface Gap {
  /** Why: `'trimmed'`, say, where the history is too short. */
  readonly reason: string;
  /** How many events, where that is known. */
  readonly missed?: number | undefined;
}

/** The events that a hub sends by itself. */
export interface HubEvents {
  /** Something is missing for good. */
  readonly gap: Gap;
}

/** An event, as it came. */
export interface StreamEvent {
  /** The Last-Event-ID behind it. */
  readonly id: string;
  /** `'message'` where the server has sent none. */
  readonly type: string;
  /** The text. */
  readonly data: string;
}

/**
 * - `'connecting'`: a request is made.
 * - `'replaying'`: the stream is open, and the client gets what it has missed.
 * - `'live'`: the client has everything there was when it connected. A hub without `liveEvent` says nothing of it: the
 *   stream is live from its beginning then.
 * - `'waiting'`: the connection is lost. The next attempt is due soon.
 * - `'offline'`: the same, and the device has no network.
 * - `'closed'`: by `close()`, by the server (204), or because another attempt would change nothing.
 */
export type StreamState = 'connecting' | 'replaying' | 'live' | 'waiting' | 'offline' | 'closed';

export type TypesOf<Events> = keyof (Events & HubEvents) & string;
export type DataOf<Events, Type> = Type extends keyof Events
  ? Events[Type]
  : Type extends keyof HubEvents
    ? HubEvents[Type]
    : never;

/** A stream that is read. */
export interface Stream<Events extends object = AnyEvents> {
  /** What becomes of it: `'connecting'` at first. */
  readonly state: StreamState;
  /** The id of the newest event, with which the next connection begins. */
  readonly lastEventId: string;
  /** Whether it may use the connection of another tab: `share` was asked for, and the browser has what it takes. */
  readonly shared: boolean;
  /**
   * Calls a function with the data of each event of one type, and with the event. Returns a function that ends it. What the
   * function throws is reported as an uncaught error is, and harms nobody else.
   */
  on<Type extends TypesOf<Events>>(
    type: Type,
    listener: (data: DataOf<Events, Type>, event: StreamEvent) => unknown,
  ): () => void;
  /**
   * Calls a function with each new state, and with what has gone wrong, if it has. Returns a function that ends it.
   */
  onState(listener: (state: StreamState, error?: StreamError) => unknown): () => void;
  /**
   * The data of the events of one type from now on, for `for await`. While a hundred of them wait for the loop, the stream is
   * read no further. It ends when the stream is closed, or the loop is left.
   */
  each<Type extends TypesOf<Events>>(type: Type): AsyncIterableIterator<DataOf<Events, Type>>;
  /** Ends the stream for good. */
  close(): void;
}
