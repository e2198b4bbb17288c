// client/: one connected client: its place, what is sent to it alone, its rooms, its sink.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { quote } from '../errors.js';
import { encodeEvent, frameEvent, frameFields, type Serialize } from '../frame.js';
import { Queue } from '../util/queue.js';
import { record } from '../validate.js';
import { BATCH_BYTES, Batch, Parts } from '../window/batch.js';
import type { Page, PageReader } from '../window/pages.js';
import type { Gap, GapReason, Ring } from '../window/ring.js';
import type { Reader, Window } from '../window/window.js';

export interface ClientSendOptions {
  /**
   * An event id of your own. The client keeps it as its Last-Event-ID, instead of its place in the
   * hub's log. At most 64 printable ASCII characters. Default: none, and the client keeps its place.
   */
  readonly id?: string | undefined;
}

/** One connected client, as the hub's `clients` lists it. */
export interface Client {
  /** Unique among the clients of all hubs. Not a secret, and not an event id. */
  readonly id: string;
  /** Aborts when the client is gone, so that work done for it can stop. */
  readonly signal: AbortSignal;
  /** The rooms it is in. */
  readonly rooms: ReadonlySet<string>;
  /**
   * Adds it to rooms: from now on it is sent what is for one of them. Throws a TypeError for a room
   * that is no non-empty string.
   */
  join(...rooms: string[]): void;
  /** Takes it out of rooms: what is for them is not sent to it any more, also what waits for it. */
  leave(...rooms: string[]): void;
  /** `sendEvent` with the type `message`. */
  send(data?: unknown, options?: ClientSendOptions): Promise<void>;
  /**
   * Sends an event to this client alone, between the hub's events before it and those after it. It
   * is not kept in the log: a client that reconnects has it, or has it not.
   *
   * Resolves when it is handed to the client's socket and the socket takes more, so that a sender
   * who waits never runs ahead of the client. Does nothing for a client that is gone, or was told to
   * leave. Rejects with a TypeError for what can't be sent.
   */
  sendEvent(type: string, data?: unknown, options?: ClientSendOptions): Promise<void>;
  /**
   * Sends all that an iterable gives, each as an event of this type (`message` by default), to this
   * client alone. The next value is asked for when the client takes more.
   *
   * Resolves when the iterable is done, or when the client is gone or told to leave: the iterator's
   * `return` is called then. Rejects with what the iterable throws.
   */
  sendFrom(
    source: AsyncIterable<unknown> | Iterable<unknown>,
    options?: { readonly type?: string | undefined },
  ): Promise<void>;
  /**
   * Ends the stream once the client has what was accepted up to now. EventSource comes back by
   * itself. Does nothing for a client that is gone.
   */
  close(): void;
}

/** What a cursor writes to. It never throws: a broken peer is told through `closed`. */
export interface Sink {
  /** Says who is told of what happens to the peer. Called once, before anything is written. */
  bind(owner: SinkOwner): void;
  /** Writes whole frames. False: the peer takes no more until `drained`. */
  write(batch: Batch): boolean;
  /** Ends the stream, after all that was written. */
  end(): void;
  /** Cuts the connection. */
  destroy(): void;
}

/** Who hears of a sink's peer. */
export interface SinkOwner {
  /** The peer takes more again. */
  drained(): void;
  /** The stream is over, whoever ended it. */
  closed(): void;
}

/** What is counted as it is written. */
export interface Counters {
  delivered: number;
  gaps: number;
  bytes: number;
}

/** Who keeps a client: its hub. */
export interface ClientKeeper {
  readonly ring: Ring;
  readonly serialize: Serialize;
  readonly counters: Counters;
  readonly frameGap: (gap: Gap, cursor: number) => Batch;
  drained(client: StreamClient): void;
  closed(client: StreamClient): void;
  /** The client is to be ended once it has what was accepted so far. */
  finish(client: StreamClient): void;
  joined(client: StreamClient, room: string): void;
  left(client: StreamClient, room: string): void;
  /** A direct event waits for the client. */
  wake(client: StreamClient, bytes: number): void;
}

/**
 * - `idle`: has everything. Its cursor *is* the head, whatever the field says, so that an event
 *   costs nothing for a client it is not for
 * - `queued`: waits for its turn to be flushed
 * - `fetching`: waits for entries that the ring has dropped, to be read from the log
 * - `parked`: its peer takes no more for now
 * - `ended`: everything was written, the peer still has to take it
 * - `gone`
 */
export type ClientState = 'idle' | 'queued' | 'fetching' | 'parked' | 'ended' | 'gone';

/** An event for one client alone. */
interface Direct {
  /** The sequence it comes right after. */
  after: number;
  readonly frame: Buffer;
  readonly sent: () => void;
}

const NO_ROOMS: ReadonlySet<string> = new Set();

/** A cursor into the log, over a sink. */
export class StreamClient implements Client, SinkOwner, Reader, PageReader {
  readonly id = randomUUID();
  state: ClientState = 'idle';
  /** The sequence of the last event it was given. */
  cursor: number;
  /** What it is to be told was left out just below its cursor, before it gets anything else. */
  gap: Gap | undefined;
  page: Page | undefined;
  /** It gets nothing above this sequence, and is ended there. */
  end: number | undefined;
  /** Written last of all, before its stream is ended. */
  farewell: Batch | undefined;
  /** Whether it lags: since it was parked, or came back, it has not had everything yet. */
  conflates = false;
  /** The tick of the heartbeat at which it was last written to. */
  writtenAt = 0;
  /** What was accepted for it since it was parked, and the head at that time. */
  lagEvents = 0;
  lagBytes = 0;
  parkedAt = 0;
  /** When its stream has lasted long enough, on `performance.now()`'s clock. */
  expiresAt = Number.POSITIVE_INFINITY;
  readonly #keeper: ClientKeeper;
  readonly #left: () => void;
  #rooms: Set<string> | undefined;
  #direct: Queue<Direct> | undefined;
  /** What is left of an event whose beginning it has. */
  #rest: Parts | undefined;
  /** Senders of direct events, which wait until the peer takes more. */
  #senders: (() => void)[] | undefined;
  #gone: AbortController | undefined;

  constructor(
    readonly sink: Sink,
    keeper: ClientKeeper,
    cursor: number,
    left: () => void,
  ) {
    this.#keeper = keeper;
    this.#left = left;
    this.cursor = cursor;
    sink.bind(this);
  }

  get signal(): AbortSignal {
    // Made when first asked for: most clients are never asked, and there may be many of them.
    if (this.#gone === undefined) {
      this.#gone = new AbortController();
      if (this.state === 'gone') this.#gone.abort();
    }
    return this.#gone.signal;
  }

  get rooms(): ReadonlySet<string> {
    return this.#rooms ?? NO_ROOMS;
  }

  join(...rooms: string[]): void {
    rooms.forEach(checkRoom);
    if (this.state === 'gone') return;
    this.#rooms ??= new Set();
    for (const room of rooms) {
      this.#rooms.add(room);
      this.#keeper.joined(this, room);
    }
  }

  leave(...rooms: string[]): void {
    for (const room of rooms) {
      if (this.#rooms?.delete(room)) this.#keeper.left(this, room);
    }
  }

  send(data?: unknown, options?: ClientSendOptions): Promise<void> {
    return this.sendEvent('message', data, options);
  }

  async sendEvent(type: string, data?: unknown, options: ClientSendOptions = {}): Promise<void> {
    const { id } = record('send options', options, ['id']) as ClientSendOptions;
    const fields = encodeEvent(type, data, undefined, this.#keeper.serialize);
    const frame = id === undefined ? frameFields(fields) : frameEvent(checkId(id), fields);
    if (this.#isLeaving) return;
    return new Promise((sent) => {
      this.#direct ??= new Queue();
      this.#direct.push({ after: this.#lastDue(this.#keeper.ring.head), frame, sent });
      this.#keeper.wake(this, frame.length);
    });
  }

  async sendFrom(
    source: AsyncIterable<unknown> | Iterable<unknown>,
    options: { readonly type?: string | undefined } = {},
  ): Promise<void> {
    const { type = 'message' } = record('sendFrom options', options, ['type']) as { type?: string };
    const iterator = iterate(source);
    let returned = false;
    const gone = () => {
      if (returned) return;
      returned = true;
      // Not waited for: a generator that is waiting itself ends only when that is over.
      void Promise.resolve(iterator.return?.()).catch(() => {});
    };
    const pump = async () => {
      for (;;) {
        const { done, value } = await iterator.next();
        if (done === true) return;
        try {
          await this.sendEvent(type, value);
        } catch (error) {
          await iterator.return?.();
          throw error;
        }
        if (this.#isLeaving) return gone();
      }
    };
    const over = new AbortController();
    const watch = async () => {
      await once(this.signal, 'abort', { signal: over.signal });
      gone();
    };
    try {
      await (this.#isLeaving ? gone() : Promise.race([pump(), watch()]));
    } finally {
      over.abort();
    }
  }

  close(): void {
    this.#keeper.finish(this);
  }

  drained(): void {
    if (this.#rest === undefined) this.#resume();
    this.#keeper.drained(this);
  }

  closed(): void {
    this.#keeper.closed(this);
  }

  /** It is over: nothing is written from here on. */
  retire(): void {
    this.state = 'gone';
    this.#gone?.abort();
    this.#dropDirect();
    for (const room of this.rooms) this.#keeper.left(this, room);
    this.#left();
  }

  /** How many entries its cursor is behind the head, its own or not. */
  get lag(): number {
    return this.state === 'idle' ? 0 : this.#keeper.ring.head - this.cursor;
  }

  get leaving(): boolean {
    return this.end !== undefined;
  }

  get #isLeaving(): boolean {
    return this.leaving || this.state === 'gone';
  }

  /** The last of the entries up to `head` that it is given. */
  #lastDue(head: number): number {
    return this.end === undefined ? head : Math.min(head, this.end);
  }

  /** Whether something waits for it, of what is in the ring up to `head`. */
  isBehind(head = this.#keeper.ring.head): boolean {
    return (
      this.#rest !== undefined ||
      this.gap !== undefined ||
      (this.#direct?.size ?? 0) > 0 ||
      this.cursor < this.#lastDue(head)
    );
  }

  /** Whether what comes next for it has to be read from the log, and is not here yet. */
  get lacksPage(): boolean {
    return this.readsPage && this.page?.window === undefined;
  }

  /** Whether what comes next for it has to be read from the log. */
  get readsPage(): boolean {
    const { ring } = this.#keeper;
    return (
      ring.reaches &&
      this.cursor < Math.min(ring.tail, this.#lastDue(ring.head)) &&
      this.#rest === undefined &&
      this.gap === undefined &&
      (this.#direct?.at(0)?.after ?? Number.POSITIVE_INFINITY) > this.cursor
    );
  }

  /** What waits for it is counted anew. */
  resetLag(): void {
    this.lagEvents = 0;
    this.lagBytes = 0;
  }

  /** Everything up to the ring's head is lost to it, for this reason. */
  lose(reason: GapReason): void {
    const { head } = this.#keeper.ring;
    this.#addGap({ reason });
    this.cursor = head;
    this.parkedAt = head;
    this.resetLag();
    if (this.leaving) this.end = head;
    for (let index = 0; index < (this.#direct?.size ?? 0); index++) {
      (this.#direct?.at(index) as Direct).after = head;
    }
  }

  /** Gives up all that waits for it, and says how many events that are. It is told when it drains. */
  skip(): number {
    const { ring } = this.#keeper;
    let missed = 0;
    if (ring.reaches && this.cursor < ring.tail) {
      missed = ring.head - this.cursor;
      this.#addGap({ reason: 'slow' });
    } else {
      this.#passTail(ring);
      missed = ring.count(this);
      if (missed > 0) this.#addGap({ reason: 'slow', missed });
    }
    this.cursor = ring.head;
    const direct = this.#direct?.size ?? 0;
    this.#dropDirect();
    return missed + direct;
  }

  /** Writes one batch of what it lacks; false when its peer takes no more. */
  flush(): boolean {
    const { ring, frameGap, counters } = this.#keeper;
    if (this.#rest !== undefined) return this.#writePart(this.#rest);
    const window = this.cursor < ring.tail ? (this.page?.window ?? ring) : ring;
    this.#passTail(window);
    if (this.gap !== undefined) {
      const told = frameGap(this.gap, this.cursor);
      this.gap = undefined;
      counters.gaps++;
      return this.#write(told);
    }
    const direct = this.#direct?.at(0);
    if (direct !== undefined && direct.after <= this.cursor) return this.#flushDirect();
    const due = this.#lastDue(direct?.after ?? ring.head);
    const batch = window.take(this, Math.min(due, window.head));
    this.cursor = batch.last;
    if (batch.events === 0) return true;
    counters.delivered += batch.events;
    return this.#write(batch);
  }

  #write(batch: Batch): boolean {
    if (batch.bytes.length <= BATCH_BYTES) return this.#writeAll(batch);
    this.#rest = new Parts(batch);
    return this.#writePart(this.#rest);
  }

  #writePart(parts: Parts): boolean {
    const part = parts.next();
    if (!parts.areLeft) this.#rest = undefined;
    const open = this.#writeAll(part);
    parts.taken(open);
    return open;
  }

  #writeAll(batch: Batch): boolean {
    this.#keeper.counters.bytes += batch.bytes.length;
    const open = this.sink.write(batch);
    if (open && this.#rest === undefined) this.#resume();
    return open;
  }

  /** What was dropped before it had it can't be given to it any more. */
  #passTail(window: Window): void {
    const { ring } = this.#keeper;
    if (this.cursor >= window.tail) return;
    // What the ring lacks and the log has can: it is read once what else is due here is written.
    if (window === ring && ring.reaches) return;
    const gap: Gap | undefined =
      window === ring ? ring.gapAbove(this.cursor, this.rooms) : { reason: 'trimmed' };
    if (gap !== undefined) this.#addGap(gap);
    this.cursor = window.tail;
  }

  #addGap({ reason, missed }: Gap): void {
    const before = this.gap === undefined ? 0 : this.gap.missed;
    const both = before === undefined || missed === undefined ? undefined : before + missed;
    this.gap = { reason: this.gap?.reason ?? reason, missed: both };
  }

  #flushDirect(): boolean {
    const direct = this.#direct as Queue<Direct>;
    const frames: Buffer[] = [];
    let bytes = 0;
    for (;;) {
      const next = direct.at(0);
      if (next === undefined || next.after > this.cursor) break;
      bytes += next.frame.length;
      if (frames.length > 0 && bytes > BATCH_BYTES) break;
      direct.shift();
      frames.push(next.frame);
      this.#answer(next);
    }
    return this.#write(new Batch(Buffer.concat(frames), this.cursor, frames.length));
  }

  #answer({ sent }: Direct): void {
    this.#senders ??= [];
    this.#senders.push(sent);
  }

  #resume(): void {
    const senders = this.#senders;
    if (senders === undefined) return;
    this.#senders = undefined;
    for (const sent of senders) sent();
  }

  #dropDirect(): void {
    for (let next = this.#direct?.shift(); next !== undefined; next = this.#direct?.shift()) {
      this.#answer(next);
    }
    this.#resume();
  }
}

/** Stands for a client that left, or was turned away, before its stream was opened. */
export function absentClient(): Client {
  return {
    id: randomUUID(),
    signal: AbortSignal.abort(),
    rooms: NO_ROOMS,
    join() {},
    leave() {},
    async send() {},
    async sendEvent() {},
    async sendFrom() {},
    close() {},
  };
}

/** Throws a TypeError for what is no name of a room. */
export function checkRoom(room: unknown): asserts room is string {
  if (typeof room !== 'string' || room === '') {
    throw new TypeError(`room ${quote(room)}: must be a non-empty string`);
  }
}

function checkId(id: unknown): string {
  if (typeof id === 'string' && /^[ -~]{1,64}$/.test(id)) return id;
  throw new TypeError(`id ${quote(id)}: must be 1 to 64 printable ASCII characters`);
}

function iterate(source: unknown): AsyncIterator<unknown> | Iterator<unknown> {
  if (typeof source === 'object' && source !== null) {
    if (Symbol.asyncIterator in source)
      return (source as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    if (Symbol.iterator in source) return (source as Iterable<unknown>)[Symbol.iterator]();
  }
  throw new TypeError(`sendFrom source ${quote(source)}: must be an iterable or async iterable`);
}
