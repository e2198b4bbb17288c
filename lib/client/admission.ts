import { parseEventId } from '../log/event-id.js';
import type { Log } from '../log/log.js';
import type { LogStatus } from '../log/status.js';
import { MAX_DELAY } from '../validate.js';
import type { Ring } from '../window/ring.js';
import type { Cursor } from './cursor.js';
import type { RouteNoticeTypes } from './notices.js';

/** Why a client is rejected. */
export type Refusal = 'final' | 'closed' | 'unreachable' | 'full' | 'key';

/** How a client is let in. */
export interface Attachment {
  readonly lastEventId: string | undefined;
  readonly rooms: readonly string[];
  /** What the route calls the hub's own events, where it does. */
  readonly types?: RouteNoticeTypes;
  /** Called when the client has its stream, if heartbeats may show that it has left. */
  readonly attached?: ((cursor: Cursor) => void) | undefined;
  /** Called once when the client is gone. */
  readonly left: () => void;
}

/** A client that was let in. */
export interface Entry {
  readonly attached: (cursor: Cursor) => void;
  readonly left: () => void;
}

/** One of those with a key, with its cursor where heartbeats may show that it has left. */
interface Member {
  cursor: Cursor | undefined;
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
  readonly #probe: (cursor: Cursor) => void;
  readonly #perKey = new Map<string, Set<Member>>();
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

  /** Lets a client in before anything is held for it, or returns why it is rejected. */
  enter(key: () => string, lastEventId: string | undefined): Entry | Refusal {
    const refusal = this.refusal(lastEventId);
    if (refusal !== undefined) return refusal;
    const { maxClients, maxClientsPerKey } = this.#settings;
    const own = maxClientsPerKey === Number.POSITIVE_INFINITY ? undefined : key();
    const crowd = own === undefined ? undefined : (this.#perKey.get(own) ?? new Set());
    if (this.#inside >= maxClients) return 'full';
    if (crowd !== undefined && crowd.size >= maxClientsPerKey) {
      // A page that was reloaded may be there twice: behind a proxy, only a write shows who has left.
      for (const { cursor } of crowd) if (cursor !== undefined) this.#probe(cursor);
      return 'key';
    }
    return this.#admit(own, crowd);
  }

  #admit(key: string | undefined, crowd: Set<Member> | undefined): Entry {
    const member: Member = { cursor: undefined };
    this.#inside++;
    if (key !== undefined && crowd !== undefined) this.#perKey.set(key, crowd.add(member));
    return {
      attached: (cursor) => {
        member.cursor = cursor;
      },
      left: () => {
        this.#inside--;
        crowd?.delete(member);
        if (key !== undefined && crowd?.size === 0) this.#perKey.delete(key);
      },
    };
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
