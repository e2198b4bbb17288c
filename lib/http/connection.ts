import { isHttp2, type Request } from '../request.js';

/** Whose stream a connection carries. Any number of hubs may serve it. */
const holders = new WeakMap<object, object>();

/**
 * Takes a connection for a stream; false where it has one. A connection of HTTP/1.1 answers one request after the
 * other, and so nothing behind a stream: requests that are pipelined would wait there, at the cost of a client each.
 */
export function claimConnection(req: Request, holder: object): boolean {
  if (isHttp2(req)) return true;
  if (holders.has(req.socket)) return false;
  holders.set(req.socket, holder);
  return true;
}

/** The holder's stream is over. */
export function releaseConnection(req: Request, holder: object): void {
  if (holders.get(req.socket) === holder) holders.delete(req.socket);
}
