/**
 * - `idle`: has everything, and stays at the head while others' events move it
 * - `queued`: waits for its turn to be flushed
 * - `fetching`: waits for entries that the ring has dropped, to be read from the log
 * - `blocked`: its peer is not writable for now
 * - `ended`: everything was written, and the peer still has to receive it
 * - `gone`
 */
export type CursorState = 'idle' | 'queued' | 'fetching' | 'blocked' | 'ended' | 'gone';
