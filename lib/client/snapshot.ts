import { describe } from '../errors.js';
import type { Cursor } from './cursor.js';

/**
 * Runs a route's `snapshot`, and then lets the log's events through. A client whose snapshot fails is cut off: it
 * reconnects, and gets another one.
 */
export async function runSnapshot(cursor: Cursor, snapshot: () => unknown): Promise<void> {
  const { host } = cursor;
  try {
    await snapshot();
    host.begin(cursor);
  } catch (error) {
    const message = `snapshot failed for client ${cursor.id}: ${describe(error)}`;
    host.reporter.unheard('snapshot', message);
    host.evict(cursor, 'its snapshot failed');
  }
}
