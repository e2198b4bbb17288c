import { parseEventId } from '../log/event-id.js';
import type { Log } from '../log/log.js';
import type { LogStatus } from '../log/status.js';
import { MAX_DELAY } from '../validate.js';
import type { Ring } from '../window/ring.js';
import type { Client, Identity } from './client.js';
import type { Cursor } from './cursor.js';
import { Entry, type Interruption, type Places, type Refusal } from './entry.js';
import type { Place } from './locator.js';
import type { RouteNoticeTypes } from './notices.js';
import { Replays } from './replays.js';

/** How a client is let in. */
export interface Attachment {
  readonly identity: Identity;
  readonly place: Place;
  readonly rooms: readonly string[];
  /** What the route calls the hub's own events, where it does. */
  readonly types?: RouteNoticeTypes;
  /** Sends the client what it needs before all else, unless it goes on where it was. */
  readonly snapshot?: ((client: Client) => unknown) | undefined;
  /** Called when the client has its stream, if heartbeats may show that it has left. */
  readonly attached?: ((cursor: Cursor) => void) | undefined;
  /** Called with the bytes that are replayed to it. */
  readonly replayed?: ((bytes: number) => void) | undefined;
  /** Called once when the client is gone. */
  readonly left: () => void;
}

export interface AdmissionSettings {
  readonly maxClients: number;
  readonly maxClientsPerKey: number;
  readonly maxReplayBytes: number;
  readonly openTimeout: number;
  readonly retry: number | false;
  readonly refuse: 'retry' | 'status';
}

/** How long clients wait before they reconnect, in ms, where the hub leaves `retry` to them. */
const DEFAULT_RETRY = 3000;

/** Decides whether a client is let in, and counts those that are, until their streams are over. */
export class Admission implements Places {
  readonly #settings: AdmissionSettings;
  readonly #log: Log;
  readonly #ring: Ring;
  readonly #status: LogStatus;
  readonly #probe: (cursor: Cursor) => void;
  readonly #perKey = new Map<string, Set<Entry>>();
  readonly #replays: Replays;
  /** Those whose streams are not open yet. */
  readonly #opening = new Set<Entry>();
  #inside = 0;
  #closed: Refusal | undefined;

  /** `probe` has a client notice that its peer is gone, if it is. */
  constructor(
    settings: AdmissionSettings,
    log: Log,
    ring: Ring,
    status: LogStatus,
    probe: (cursor: Cursor) => void,
  ) {
    this.#probe = probe;
    this.#settings = settings;
    this.#log = log;
    this.#ring = ring;
    this.#status = status;
    this.#replays = new Replays(settings.maxReplayBytes);
  }

  /** How many clients wait for their streams to be opened. */
  get opening(): number {
    return this.#opening.size;
  }

  /** How a rejected client is answered. */
  get refuse(): 'retry' | 'status' {
    return this.#settings.refuse;
  }

  /** How long a client is to wait, in ms: a crowd that reconnects must not reconnect all at once. */
  jitteredRetry(): number {
    const retry = this.#settings.retry || DEFAULT_RETRY;
    return Math.min(Math.round(retry * (1 + Math.random())), MAX_DELAY);
  }

  /** Lets nobody in any more, nor those who wait. */
  close(isFinal: boolean): void {
    this.#closed = isFinal ? 'final' : 'closed';
    for (const entry of this.#opening) entry.interrupt(this.#closed);
  }

  /** Why no client with this Last-Event-ID is let in, whatever its key. */
  refusal(lastEventId: string | undefined): Refusal | undefined {
    if (this.#closed !== undefined) return this.#closed;
    const { isReachable } = this.#status;
    // Nobody knows what a client has missed while the log is unreachable, nor where one would begin.
    const isLost = this.#ring.hasBegun
      ? !isReachable && lastEventId
      : !isReachable || this.#log.caughtUp === undefined;
    return isLost ? 'unreachable' : undefined;
  }

  /**
   * Lets a client in before anything is held for it, or returns why it is rejected. `readKey` gives the key that it
   * is counted under, or undefined for one that no limit per key is for. `mayReplay`: it may be sent events of before.
   */
  enter(
    readKey: () => string | undefined,
    lastEventId: string | undefined,
    mayReplay: boolean,
  ): Entry | Refusal {
    const refusal = this.refusal(lastEventId);
    if (refusal !== undefined) return refusal;
    const { maxClients, maxClientsPerKey, maxReplayBytes } = this.#settings;
    const replays = mayReplay && maxReplayBytes !== Number.POSITIVE_INFINITY;
    const isCounted = maxClientsPerKey !== Number.POSITIVE_INFINITY;
    const key = readKey();
    if (this.#inside >= maxClients) return 'full';
    const crowd = key === undefined || !isCounted ? undefined : this.#perKey.get(key);
    if (crowd !== undefined && crowd.size >= maxClientsPerKey) {
      // A page that was reloaded may be there twice: behind a proxy, only a write shows who has left.
      for (const { cursor } of crowd) if (cursor !== undefined) this.#probe(cursor);
      return 'key';
    }
    if (key !== undefined && replays && this.#replays.isSpent(key)) return 'replay';
    return this.#admit(key, isCounted);
  }

  #admit(key: string | undefined, isCounted: boolean): Entry {
    const entry = new Entry(this, key);
    this.#inside++;
    this.#opening.add(entry);
    if (key === undefined || !isCounted) return entry;
    const crowd = this.#perKey.get(key);
    if (crowd === undefined) this.#perKey.set(key, new Set([entry]));
    else crowd.add(entry);
    return entry;
  }

  release(entry: Entry): void {
    this.#inside--;
    this.#opening.delete(entry);
    const { key } = entry;
    const crowd = key === undefined ? undefined : this.#perKey.get(key);
    if (key !== undefined && crowd?.delete(entry) && crowd.size === 0) this.#perKey.delete(key);
  }

  replayed({ key }: Entry, bytes: number): void {
    if (key !== undefined) this.#replays.add(key, bytes);
  }

  /** Waits for what decides on a client, no longer than the option says. */
  wait<T>(entry: Entry, work: Promise<T>): Promise<T | Interruption> {
    return entry.wait(work, this.#settings.openTimeout);
  }

  /** The client has its stream. */
  opened(entry: Entry): void {
    this.#opening.delete(entry);
  }

  /**
   * What has to be waited for before a client can be placed: the client was connected to another
   * node, which was ahead of this one, or this node has only just started.
   */
  catchUp(lastEventId: string | undefined): Promise<Refusal | undefined> | undefined {
    const id = parseEventId(lastEventId ?? '');
    const { epoch, head, hasBegun } = this.#ring;
    const isAhead = id !== undefined && (id.epoch !== epoch || id.sequence > head);
    if (hasBegun && !isAhead) return undefined;
    return this.#log.caughtUp?.().then(
      () => undefined,
      () => 'unreachable',
    );
  }
}
