import { OutgoingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Response } from '../request.js';

/**
 * Cuts the connection of a response with a reset. After its orderly end, the kernel would keep what the
 * peer has not read, some megabytes, for as long as the peer acknowledges its probes.
 *
 * Over HTTP/2 the stream is reset, since its connection has other streams. TLS knows no reset.
 */
export function cut(res: Response): void {
  const socket = res instanceof OutgoingMessage ? res.socket : null;
  if (socket === null || !reset(socket)) res.destroy();
}

/** False, and nothing is done, for a socket of TLS, of a path, or a stand-in. */
function reset(socket: Socket): boolean {
  try {
    socket.resetAndDestroy();
    return true;
  } catch {
    return false;
  }
}
