import type { Encode } from '../frame.js';
import type { Counters } from '../stats.js';
import type { Reporter } from '../util/logger.js';
import type { Ring } from '../window/ring.js';
import type { Notices } from './notices.js';
import type { RoomLimits, Rooms } from './rooms.js';

/** The hub, as its cursors see it. */
export interface CursorHost<Cursor> {
  readonly ring: Ring;
  readonly notices: Notices;
  readonly limits: RoomLimits;
  readonly encode: Encode;
  readonly reporter: Reporter;
  readonly counters: Counters;
  readonly members: Rooms<Cursor>;
  /** The cursor's snapshot is over: it gets what is in the log. */
  begin(cursor: Cursor): void;
  evict(cursor: Cursor, why: string): void;
  drained(cursor: Cursor): void;
  closed(cursor: Cursor): void;
  /** Ends the cursor's stream once its client has what was accepted so far, or up to a sequence. */
  finish(cursor: Cursor, end?: number): void;
  /** Nothing keeps the cursor busy any more. */
  freed(cursor: Cursor): void;
  /** A direct event of so many bytes waits for the cursor. */
  wake(cursor: Cursor, bytes: number): void;
}
