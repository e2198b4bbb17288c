import type { Socket } from 'node:net';

/**
 * Cuts a TCP connection with a reset. After its orderly end, the kernel would keep what the peer has not
 * read, some megabytes, for as long as the peer acknowledges its probes. Returns false, and does nothing, for
 * any other connection.
 */
export function reset(socket: Socket): boolean {
  try {
    socket.resetAndDestroy();
    return true;
  } catch {
    // Of TLS, of a Unix socket, or a stand-in.
    return false;
  }
}
