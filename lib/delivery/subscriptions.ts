import { randomUUID } from 'node:crypto';
import { setImmediate, setTimeout } from 'node:timers/promises';
import type { Admission } from '../client/admission.js';
import { describe } from '../errors.js';
import { readFrame } from '../frame.js';
import type { Reporter } from '../util/logger.js';
import type { Gap, GapReason } from '../window/gap.js';
import { EVERY_ROOM, type Held, type Reader } from '../window/held.js';
import type { PageWindows } from '../window/page-windows.js';
import type { Ring } from '../window/ring.js';
import type { Window } from '../window/window.js';

/** An event, as a subscription's listener is given it. */
export interface HubEvent {
  readonly id: string;
  readonly type: string;
  /** The text that clients receive: JSON, where the data was neither a string nor bytes. */
  readonly data: string;
  /** The rooms that it is for; undefined for an event for all clients. */
  readonly rooms: readonly string[] | undefined;
}

export type Listener = (event: HubEvent) => unknown;

/** What subscriptions need of the hub. */
export interface SubscriptionHost {
  readonly ring: Ring;
  /** Undefined where the log keeps no more than the ring. */
  readonly pages: PageWindows | undefined;
  readonly admission: Admission;
  readonly reporter: Reporter;
  readonly gapEvent: string | false;
}

/** How long a subscription may keep the event loop to itself, in ms. */
const SLICE = 5;

/** After how long a log that could not be read is asked again, in ms. */
const RETRY_DELAY = 1000;

/** A listener's place in the log. It is given one event after the other, at its own pace. */
class Subscription implements Reader {
  readonly id = randomUUID();
  readonly rooms: ReadonlySet<string>;
  readonly conflates = false;
  readonly stateTo = 0;
  joinedAt: number;
  position: number;
  isOver = false;
  readonly #host: SubscriptionHost;
  readonly #listener: Listener;
  #after: string | undefined;
  #gap: Gap | undefined;
  /** Entries that the ring has dropped. */
  #page: Window | undefined;
  readonly #running: Set<Subscription>;
  #isWoken = false;

  constructor(
    host: SubscriptionHost,
    running: Set<Subscription>,
    listener: Listener,
    rooms: readonly string[] | undefined,
    after: string | undefined,
  ) {
    this.#host = host;
    this.#running = running;
    this.#listener = listener;
    this.rooms = rooms === undefined ? EVERY_ROOM : new Set(rooms);
    this.#after = after;
    this.position = host.ring.head;
    this.joinedAt = host.ring.head;
    if (after !== undefined) this.wake();
  }

  /** There may be something for it. */
  wake(): void {
    this.#isWoken = true;
    if (this.#running.has(this) || this.isOver) return;
    this.#running.add(this);
    void this.#run();
  }

  /** The log begins anew. */
  restart(reason: GapReason | undefined): void {
    const { head } = this.#host.ring;
    if (this.#after === undefined && reason !== undefined) this.#gap = { reason };
    this.position = head;
    this.joinedAt = head;
    this.#page = undefined;
    this.wake();
  }

  async #run(): Promise<void> {
    // A listener is never called from within a send.
    await null;
    let since = performance.now();
    while (!this.isOver) {
      this.#isWoken = false;
      const event = this.#isPlaced ? await this.#next() : await this.#place();
      // Something may have come while this was found out.
      if (event === undefined && !this.#isWoken) break;
      if (event !== undefined && event !== 'later') await this.#give(event);
      if (performance.now() - since < SLICE) continue;
      await setImmediate();
      since = performance.now();
    }
    this.#running.delete(this);
  }

  get #isPlaced(): boolean {
    return this.#after === undefined;
  }

  /** Finds the place that it is to start at. */
  async #place(): Promise<'later'> {
    const { admission, ring } = this.#host;
    const after = this.#after as string;
    if ((await admission.catchUp(after)) !== undefined || !ring.hasBegun) {
      await setTimeout(RETRY_DELAY, undefined, { ref: false });
      return 'later';
    }
    const { position, gap } = ring.locate(after, this.rooms);
    this.#after = undefined;
    this.position = position ?? ring.head;
    this.#gap = gap;
    return 'later';
  }

  async #give(event: HubEvent): Promise<void> {
    try {
      await this.#listener(event);
    } catch (error) {
      const message = `a subscription's listener failed for event ${event.id}: ${describe(error)}`;
      this.#host.reporter.unheard('subscribe', message);
    }
  }

  /** The next event; undefined where there is none yet. */
  async #next(): Promise<HubEvent | 'later' | undefined> {
    const { ring } = this.#host;
    if (this.#gap !== undefined) return this.#takeGap(this.#gap);
    let window: Window = ring;
    if (this.position < ring.trimmedTo && ring.reaches) {
      this.#page ??= await this.#read();
      window = this.#page ?? ring;
      if (window === ring) return 'later';
    }
    if (this.position < window.trimmedTo) {
      const passed = window.passTrimmed(this.position, 0, this.rooms);
      this.position = passed.position;
      this.#gap = passed.gap;
      if (passed.gap !== undefined) return 'later';
    }
    const held = window.next(this);
    this.position = held?.sequence ?? Math.max(this.position, window.head);
    if (window !== ring && held === undefined) {
      this.#page = undefined;
      return 'later';
    }
    return held && this.#eventOf(held);
  }

  async #read(): Promise<Window | undefined> {
    const { ring, pages } = this.#host;
    const [after, { epoch }] = [this.position, ring];
    try {
      const page = await pages?.all(after);
      return ring.epoch === epoch && this.position === after ? page : undefined;
    } catch {
      await setTimeout(RETRY_DELAY, undefined, { ref: false });
      return undefined;
    }
  }

  #takeGap(gap: Gap): HubEvent | 'later' {
    const { gapEvent, ring } = this.#host;
    this.#gap = undefined;
    if (gapEvent === false) return 'later';
    const id = ring.idOf(this.position);
    return { id, type: gapEvent, data: JSON.stringify(gap), rooms: undefined };
  }

  #eventOf({ sequence, frame, rooms }: Held): HubEvent {
    return { id: this.#host.ring.idOf(sequence), ...readFrame(frame), rooms };
  }
}

/** The listeners on a hub. None of them holds up another one, nor a client. */
export class Subscriptions {
  readonly #host: SubscriptionHost;
  readonly #all = new Set<Subscription>();
  readonly #running = new Set<Subscription>();

  constructor(host: SubscriptionHost) {
    this.#host = host;
  }

  /** Whether each of them has been given everything. */
  get areIdle(): boolean {
    return this.#running.size === 0;
  }

  /** Begins a subscription, and returns what ends it. */
  add(
    listener: Listener,
    rooms: readonly string[] | undefined,
    after: string | undefined,
  ): () => void {
    const subscription = new Subscription(this.#host, this.#running, listener, rooms, after);
    this.#all.add(subscription);
    return () => this.#end(subscription);
  }

  wake(): void {
    for (const subscription of this.#all) subscription.wake();
  }

  restart(reason: GapReason | undefined): void {
    for (const subscription of this.#all) subscription.restart(reason);
  }

  /** Nothing more will come. */
  end(): void {
    for (const subscription of this.#all) this.#end(subscription);
  }

  #end(subscription: Subscription): void {
    subscription.isOver = true;
    this.#all.delete(subscription);
    // Its listener may never be done.
    this.#running.delete(subscription);
  }
}
