import type { Cursor } from '../client/cursor.js';
import type { SlowClientSettings } from './slow-clients.js';

export interface DispatcherSettings extends SlowClientSettings {
  readonly concurrency: number;
  readonly slowClient: 'disconnect' | 'skip';
  readonly keepAlive: number | false;
}

/** What the dispatcher asks of the hub. */
export interface DispatcherHooks {
  /** All writable clients were offered the entries up to this one. */
  offered(sequence: number): void;
  /** A slow client's pending events were dropped. */
  dropped(cursor: Cursor, events: number, why: string): void;
  /** A slow client is to be evicted. */
  slow(cursor: Cursor, why: string): void;
}
