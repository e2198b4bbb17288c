import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import { absentClient, type Client } from '../client.js';
import { SseError } from '../errors.js';
import type { EventHub } from '../hub.js';
import { acceptsEventStream } from './accept.js';
import { type Headers, sendHead } from './head.js';
import type { Request, Response } from './message.js';
import { createSink } from './sink.js';

export interface OpenOptions {
  /**
   * Response headers beside those of an event stream, or instead of them: an object from name to
   * value. Default: none.
   */
  readonly headers?: Headers | undefined;
}

/** Answers a request with the hub's stream. Throws an SseError where the response can't carry one. */
export function open(hub: EventHub, req: Request, res: Response, options: OpenOptions): Client {
  if (hasLeft(req, res)) return absentClient();
  checkCanStream(res);
  if (req.method === 'HEAD') {
    sendHead(req, res, options.headers);
    return turnAway(res);
  }
  if (!acceptsEventStream(req.headers.accept)) {
    res.statusCode = 406;
    res.setHeader('Content-Type', 'text/plain; charset=utf-8');
    return turnAway(res, 'This resource is served as text/event-stream only.\n');
  }
  if (hub.door === 'final') {
    res.statusCode = 204;
    return turnAway(res);
  }
  sendHead(req, res, options.headers);
  // After a 503, EventSource never comes back; a stream that ends at once with `retry:` is obeyed.
  if (hub.door === 'closed') return turnAway(res, hub.comeBackLater());
  return hub.attach(createSink(res), lastEventId(req));
}

function turnAway(res: Response, body?: string | Buffer): Client {
  (res as { end(body?: string | Buffer): void }).end(body);
  return absentClient();
}

/** Whether the client is gone before its stream could be opened: after a slow check, say. */
function hasLeft(req: Request, res: Response): boolean {
  // A response that ended is destroyed as well, but its client has an answer.
  if (res.writableEnded) return false;
  if (req.httpVersionMajor >= 2) return (res as Http2ServerResponse).stream.destroyed;
  // The response doesn't hear of the connection's end while another one has its turn.
  return res.destroyed || req.socket.destroyed;
}

function checkCanStream(res: Response): void {
  const why = cannotStream(res);
  if (why === undefined) return;
  throw new SseError('ERR_SSE_CANNOT_STREAM', `the response can't carry an event stream: ${why}`);
}

function cannotStream(res: Response): string | undefined {
  for (const method of ['setHeader', 'flushHeaders', 'write', 'end', 'on'] as const) {
    if (typeof (res as ServerResponse)[method] !== 'function') return `it has no method ${method}`;
  }
  if (res.writableEnded) return 'it has ended already';
  if (res.headersSent) return 'its head was sent already, by an earlier handler or middleware';
  return undefined;
}

/** The header, or the query parameter of clients that can't set headers. */
function lastEventId(req: Request): string | undefined {
  const header = req.headers['last-event-id'];
  if (header !== undefined) return String(header);
  const query = req.url?.split('?')[1];
  return new URLSearchParams(query).get('lastEventId') ?? undefined;
}
