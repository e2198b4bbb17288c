/** What there is of https://www.w3.org/TR/web-locks/ */
interface Locks {
  request(
    name: string,
    options: { readonly signal?: AbortSignal; readonly steal?: boolean },
    work: () => Promise<void>,
  ): Promise<void>;
}

/** Without a leader, a member waits so long before it leads, in ms, and up to as long again: not all do it at once. */
const WAIT = 100;

/**
 * Whose turn it is to lead. Where there are Web Locks, the browser gives the turn to the next one as soon as a page is gone,
 * however it went. Without them, on plain http, whoever misses the leader takes it.
 */
export interface Turn {
  /** Whether the browser watches over the leader. */
  readonly isWatched: boolean;
  /** Queues. */
  wait(): void;
  /** Takes it from a leader that says nothing any more. */
  take(): void;
  /** The leader says something: that it leaves, perhaps. */
  heard(isLast: boolean): void;
  /** Gives it to the next one, or leaves the queue. */
  leave(): void;
}

/** Calls `begin` when it is this member's turn, and `end` when another one has taken it. */
export function makeTurn(name: string, begin: () => void, end: () => void): Turn {
  const { navigator } = globalThis as { navigator?: { readonly locks?: Locks } };
  return navigator?.locks ? new LockTurn(navigator.locks, name, begin, end) : new TakenTurn(begin);
}

class LockTurn implements Turn {
  readonly isWatched = true;
  readonly #locks: Locks;
  readonly #name: string;
  readonly #begin: () => void;
  readonly #end: () => void;
  #leave = new AbortController();

  constructor(locks: Locks, name: string, begin: () => void, end: () => void) {
    this.#locks = locks;
    this.#name = name;
    this.#begin = begin;
    this.#end = end;
  }

  wait(): void {
    this.#request(false);
  }

  take(): void {
    this.#request(true);
  }

  heard(): void {}

  leave(): void {
    this.#leave.abort();
  }

  #request(steal: boolean): void {
    this.#leave.abort();
    this.#leave = new AbortController();
    const { signal } = this.#leave;
    let hasBegun = false;
    const hold = () =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve());
        if (signal.aborted) resolve();
        else this.#begin();
        hasBegun = true;
      });
    // It is rejected where another one has taken the turn, where this member has left the queue, and where a page may have
    // no locks.
    this.#locks.request(this.#name, steal ? { steal } : { signal }, hold).catch(() => {
      if (hasBegun && !signal.aborted) this.#end();
    });
  }
}

class TakenTurn implements Turn {
  readonly isWatched = false;
  readonly #begin: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(begin: () => void) {
    this.#begin = begin;
  }

  wait(): void {
    this.leave();
    this.#timer = setTimeout(this.#begin, WAIT + Math.random() * WAIT);
  }

  take(): void {
    this.leave();
    this.#begin();
  }

  heard(isLast: boolean): void {
    if (isLast) this.wait();
    else this.leave();
  }

  leave(): void {
    clearTimeout(this.#timer);
  }
}
