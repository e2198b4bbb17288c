/**
 * - `idle`: has everything, and stays at the head while others' events move it
 * - `queued`: waits for its turn to be flushed
 * - `waiting`: for entries that the ring has dropped, to be read from the log, or for its snapshot
 * - `blocked`: its peer is not writable for now
 * - `ended`: everything was written, and the peer still has to receive it
 * - `gone`
 */
export type CursorState = 'idle' | 'queued' | 'waiting' | 'blocked' | 'ended' | 'gone';

/** The states in which something may wait for the client. */
export const WAITING: readonly CursorState[] = ['queued', 'waiting', 'blocked'];
