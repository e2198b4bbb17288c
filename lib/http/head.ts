import { type ServerResponse, validateHeaderName, validateHeaderValue } from 'node:http';
import type { Socket } from 'node:net';
import { quote } from '../errors.js';
import { isHttp2, type Request, type Response } from '../request.js';

/** Response headers to set beside those of an event stream, or instead of them. */
export type Headers = Readonly<Record<string, string | number | readonly string[]>>;

/**
 * TCP keep-alive probes a quiet connection after 3 s, then 10 times, a second apart. The sum has to stay
 * below the heartbeat: an unacknowledged write puts the probes off, and a dead peer would go unnoticed
 * for the many minutes in which TCP retries.
 */
const TCP_KEEP_ALIVE_DELAY = 3000;

/** Sends the head of an event stream at once: `onopen` waits for it. */
export function sendHead(req: Request, res: Response, headers: Headers | undefined): void {
  res.statusCode = 200;
  res.setHeader('Content-Type', 'text/event-stream');
  // no-transform keeps compression and proxies from holding events back until a block is full.
  res.setHeader('Cache-Control', 'private, no-cache, no-store, no-transform');
  // nginx, and proxies that follow it, would buffer the stream.
  res.setHeader('X-Accel-Buffering', 'no');
  // A middleware in front may have counted on another answer.
  if (res.hasHeader('Content-Length')) res.removeHeader('Content-Length');
  for (const [name, value] of Object.entries(headers ?? {})) {
    res.setHeader(name, value as string | string[]);
  }
  keepOpen(req);
  (res as ServerResponse).flushHeaders();
}

/** Throws a TypeError for headers that node:http would refuse when they are set. */
export function checkHeaders(headers: unknown): Headers | undefined {
  if (headers === undefined) return undefined;
  // A Map, or the Headers of fetch, would look like an object without any header.
  if (typeof headers !== 'object' || headers === null || Symbol.iterator in headers) {
    throw new TypeError(`headers ${quote(headers)}: must be an object from name to value`);
  }
  try {
    for (const [name, value] of Object.entries(headers)) {
      validateHeaderName(name);
      for (const one of Array.isArray(value) ? value : [value]) {
        // node:http would send the `String` of any other value.
        if (typeof one !== 'string' && typeof one !== 'number') {
          throw new TypeError(`Invalid value in header content [${quote(name)}]`);
        }
        validateHeaderValue(name, String(one));
      }
    }
  } catch (cause) {
    throw new TypeError(`headers ${quote(headers)}: ${(cause as Error).message}`, { cause });
  }
  return headers as Headers;
}

function keepOpen(req: Request): void {
  // A server takes any Duplex for a connection, and not all have these methods.
  const socket: Partial<Socket> = req.socket;
  // Over HTTP/2 the timeout is that of all the streams on the connection.
  if (!isHttp2(req)) socket.setTimeout?.(0);
  socket.setNoDelay?.(true);
  socket.setKeepAlive?.(true, TCP_KEEP_ALIVE_DELAY);
}
