import { parseEventId } from '../log/event-id.js';
import type { Log } from '../log/log.js';
import type { LogStatus } from '../log/status.js';
import { MAX_DELAY } from '../validate.js';
import type { Ring } from '../window/ring.js';
import type { RouteNoticeTypes } from './notices.js';

/** Why a client is rejected. */
export type Refusal = 'final' | 'closed' | 'unreachable' | 'full' | 'key';

/** How a client is let in. */
export interface Attachment {
  readonly lastEventId: string | undefined;
  readonly rooms: readonly string[];
  /** What the route calls the hub's own events, where it does. */
  readonly types?: RouteNoticeTypes;
  /** Called once when the client is gone. */
  readonly left: () => void;
}

export interface AdmissionSettings {
  readonly maxClients: number;
  readonly maxClientsPerKey: number;
  readonly retry: number | false;
  readonly refuse: 'retry' | 'status';
}

/** How long clients wait before they reconnect, in ms, where the hub leaves `retry` to them. */
const DEFAULT_RETRY = 3000;

/** Decides whether a client is let in, and counts those that are, until their streams are over. */
export class Admission {
  readonly #settings: AdmissionSettings;
  readonly #log: Log;
  readonly #ring: Ring;
  readonly #status: LogStatus;
  readonly #perKey = new Map<string, number>();
  #inside = 0;
  #closed: Refusal | undefined;

  constructor(settings: AdmissionSettings, log: Log, ring: Ring, status: LogStatus) {
    this.#settings = settings;
    this.#log = log;
    this.#ring = ring;
    this.#status = status;
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

  /** Lets nobody in any more. */
  close(isFinal: boolean): void {
    this.#closed = isFinal ? 'final' : 'closed';
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
   * Lets a client in before anything is held for it, and returns a function that is called once
   * when the client is gone; or returns why the client is rejected.
   */
  enter(key: () => string, lastEventId: string | undefined): (() => void) | Refusal {
    const refusal = this.refusal(lastEventId);
    if (refusal !== undefined) return refusal;
    const { maxClients, maxClientsPerKey } = this.#settings;
    const countsKeys = maxClientsPerKey !== Number.POSITIVE_INFINITY;
    const own = countsKeys ? key() : '';
    const same = this.#perKey.get(own) ?? 0;
    if (this.#inside >= maxClients) return 'full';
    if (same >= maxClientsPerKey) return 'key';
    this.#inside++;
    if (countsKeys) this.#perKey.set(own, same + 1);
    return () => this.#leave(own);
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

  #leave(key: string): void {
    this.#inside--;
    const left = (this.#perKey.get(key) ?? 0) - 1;
    if (left > 0) this.#perKey.set(key, left);
    else this.#perKey.delete(key);
  }
}
