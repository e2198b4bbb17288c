import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { CursorHost } from './host.js';
import { Membership, NO_ROOMS } from './rooms.js';

/** A client as others see it: the rooms that it is in, and whether it is still there. */
export class Presence<Self> {
  readonly id = randomUUID();
  // Both are made when they are first asked for: most clients never do, and there may be many.
  #membership: Membership<Self> | undefined;
  #gone: AbortController | undefined;
  #isGone = false;
  /** How many things are under way for it that a hub which drains waits for. */
  #holds = 0;

  constructor(readonly host: CursorHost<Self>) {}

  get signal(): AbortSignal {
    if (this.#gone === undefined) {
      this.#gone = new AbortController();
      // Any number of things may be under way for a client: that is no leak.
      setMaxListeners(0, this.#gone.signal);
      if (this.#isGone) this.#gone.abort();
    }
    return this.#gone.signal;
  }

  get isBusy(): boolean {
    return this.#holds > 0;
  }

  /** Something is under way for it, until the function that this returns is called. */
  hold(): () => void {
    this.#holds++;
    return () => {
      this.#holds--;
      if (this.#holds === 0) this.host.freed(this as unknown as Self);
    };
  }

  get rooms(): ReadonlySet<string> {
    return this.#membership?.names ?? NO_ROOMS;
  }

  join(rooms: readonly string[]): void {
    if (this.#isGone) return;
    this.#membership ??= new Membership<Self>(this.host.members, this as unknown as Self);
    this.#membership.join(rooms, this.host.limits);
  }

  leave(rooms: readonly string[]): void {
    this.#membership?.leave(rooms);
  }

  protected depart(): void {
    this.#isGone = true;
    this.#gone?.abort();
    this.#membership?.end();
  }
}
