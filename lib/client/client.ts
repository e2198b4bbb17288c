// client/: one connected client: its place in the log, its own events, its rooms, its connection.

import { randomUUID } from 'node:crypto';
import { describe, kindOf, quote } from '../errors.js';
import { frameEvent, frameFields } from '../frame.js';
import type { AnyEvents, MessageData, SendArguments } from '../publisher.js';
import { Outcome } from '../util/outcome.js';
import { record } from '../validate.js';
import type { Cursor } from './cursor.js';
import { NO_ROOMS } from './rooms.js';
import { sendFrom } from './send-from.js';

/** The options of a send to one client. */
export interface ClientSendOptions {
  /**
   * An event id of your own. The client keeps it as its Last-Event-ID, instead of its place in the
   * hub's log. At most 64 printable ASCII characters. Default: none, and the client keeps its place.
   */
  readonly id?: string | undefined;
}

/** The options of `client.sendFrom`. */
export interface SendFromOptions<Type extends string = string> {
  /** The type of all events. Default `'message'`. */
  readonly type?: Type | undefined;
}

/** Who a client is, as its request says. */
export interface Identity<Data = unknown> {
  readonly lastEventId: string | undefined;
  readonly key: string | undefined;
  readonly data: Data;
}

/** One connected client, as the hub's `clients` lists it. */
export interface Client<Events extends object = AnyEvents, Data = unknown> {
  /** Unique among the clients of all hubs. Not a secret, and not an event id. */
  readonly id: string;
  /** Aborts when the client is gone, so that work done for it can stop. */
  readonly signal: AbortSignal;
  /** What the route's `data` gives for it; undefined where the route has none. It is yours to change. */
  data: Data;
  /**
   * What it is counted under: what the route's `key` gives, or else its address. Undefined where no limit per key is for it.
   */
  readonly key: string | undefined;
  /** The Last-Event-ID that it came with, as it came; undefined where it had none. */
  readonly lastEventId: string | undefined;
  /** Whether its stream goes on behind an event that it has named, or the route's `start: { after }`. */
  readonly resumed: boolean;
  /** When its stream was opened. */
  readonly connectedAt: Date;
  /** The rooms that the client is in. */
  readonly rooms: ReadonlySet<string>;
  /**
   * Adds the client to rooms: from now on it receives what is sent to one of them. Throws a TypeError
   * for a room that is no non-empty string, and a RangeError beyond `maxRooms` and `maxRoomLength`. The client joins
   * none of the rooms then.
   */
  join(...rooms: string[]): void;
  /**
   * Removes the client from rooms. Events for these rooms are not sent to it any more, even if they
   * were sent before and wait for the client.
   */
  leave(...rooms: string[]): void;
  /** `sendEvent` with the type `message`. */
  send(...args: SendArguments<MessageData<Events>, ClientSendOptions>): Promise<void>;
  /**
   * Sends an event to this client alone, between the hub's events before it and those after it. The
   * event is not kept in the log: after a reconnect, nobody sends it again.
   *
   * Resolves when the event is handed to the client's socket and the socket is writable, so that a
   * sender that awaits never runs ahead of the client. Does nothing for a client that is gone, or
   * whose stream is being ended. Rejects with a TypeError for an event that can't be sent.
   */
  sendEvent<Type extends keyof Events & string>(
    type: Type,
    ...args: SendArguments<Events[Type], ClientSendOptions>
  ): Promise<void>;
  /**
   * Sends every value of an iterable, each as an event of one type, to this client alone. The next
   * value is asked for when the client is writable.
   *
   * Resolves when the iterable is done, or when the client is gone or its stream is being ended: the
   * iterator's `return` is called then. Rejects with what the iterable throws. Bytes are one text, wherever a
   * chunk ends: what is left of a character comes with the next chunk.
   */
  sendFrom<Type extends keyof Events & string>(
    source: AsyncIterable<Events[Type]> | Iterable<Events[Type]>,
    options?: SendFromOptions<Type>,
  ): Promise<void>;
  /**
   * Ends the stream once the client has what was accepted up to now. EventSource reconnects by
   * itself. Does nothing for a client that is gone.
   */
  close(): void;
}

/** The object that users hold of a client. Whatever they do to it, delivery goes on. */
export class ConnectedClient implements Client {
  /** The cursor of a client; undefined for one that is absent. */
  static cursorOf(client: Client): Cursor | undefined {
    return #cursor in client ? client.#cursor : undefined;
  }

  readonly #cursor: Cursor;
  readonly #identity: Identity;
  readonly #openedAt = Date.now();
  readonly resumed: boolean;
  data: unknown;

  constructor(cursor: Cursor, identity: Identity, resumed: boolean) {
    this.#cursor = cursor;
    this.#identity = identity;
    this.resumed = resumed;
    this.data = identity.data;
  }

  get key(): string | undefined {
    return this.#identity.key;
  }

  get lastEventId(): string | undefined {
    return this.#identity.lastEventId;
  }

  get connectedAt(): Date {
    return new Date(this.#openedAt);
  }

  get id(): string {
    return this.#cursor.id;
  }

  get signal(): AbortSignal {
    return this.#cursor.signal;
  }

  get rooms(): ReadonlySet<string> {
    return this.#cursor.rooms;
  }

  join(...rooms: string[]): void {
    this.#cursor.join(rooms);
  }

  leave(...rooms: string[]): void {
    this.#cursor.leave(rooms);
  }

  send(data?: unknown, options?: ClientSendOptions): Promise<void> {
    return this.sendEvent('message', data, options);
  }

  sendEvent(type: string, data?: unknown, options: ClientSendOptions = {}): Promise<void> {
    return this.#outcome(() => this.#send(type, data, options));
  }

  sendFrom(
    source: AsyncIterable<unknown> | Iterable<unknown>,
    options: SendFromOptions = {},
  ): Promise<void> {
    return this.#outcome(() => {
      const { type = 'message' } = record('sendFrom options', options, ['type']) as SendFromOptions;
      const release = this.#cursor.hold();
      const sent = sendFrom(source, this.#cursor, (value) => this.#send(type, value));
      return sent.finally(release);
    });
  }

  async #send(type: string, data: unknown, options: ClientSendOptions = {}): Promise<void> {
    const { id } = record('send options', options, ['id']) as ClientSendOptions;
    const fields = this.#cursor.host.encode(type, data);
    const frame = id === undefined ? frameFields(fields) : frameEvent(checkId(id), fields);
    return this.#cursor.send(frame);
  }

  #outcome(work: () => Promise<void>): Promise<void> {
    const { reporter } = this.#cursor.host;
    const { isReporting } = reporter;
    return Outcome.of(work, (error) => {
      if (isReporting) return;
      const message = `event not sent to client ${this.#cursor.id}: ${describe(error)}`;
      reporter.unheard(`client ${kindOf(error)}`, message);
    });
  }

  close(): void {
    this.#cursor.host.finish(this.#cursor);
  }
}

/** Stands for a client that disconnected, or was rejected, before its stream was opened. */
export function absentClient(): Client {
  return {
    id: randomUUID(),
    signal: AbortSignal.abort(),
    data: undefined,
    key: undefined,
    lastEventId: undefined,
    resumed: false,
    connectedAt: new Date(),
    rooms: NO_ROOMS,
    join() {},
    leave() {},
    async send() {},
    async sendEvent() {},
    async sendFrom() {},
    close() {},
  };
}

function checkId(id: unknown): string {
  if (typeof id === 'string' && /^[ -~]{1,64}$/.test(id)) return id;
  throw new TypeError(`id ${quote(id)}: must be 1 to 64 printable ASCII characters`);
}
