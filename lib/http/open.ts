// http/: everything that knows HTTP: what to answer to a request, and how bytes get to its socket.

import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Attachment } from '../client/admission.js';
import { absentClient, type Client } from '../client/client.js';
import type { Refusal } from '../client/entry.js';
import { describe, SseError } from '../errors.js';
import { frameRetry } from '../frame.js';
import type { EventHub } from '../hub.js';
import { isHttp2, type Request, type Response, type RouteRequest } from '../request.js';
import { type Decision, decide, METHODS, type PendingDecision } from './decide.js';
import { sendHead } from './head.js';
import { type OpenOptions, type RouteSettings, readRouteOptions } from './route-options.js';
import { createSink } from './sink.js';

/**
 * Answers a request of node:http with the hub's stream. Rejects with a TypeError for a bad option, an
 * SseError where the response can't carry a stream, and what the option `rooms` throws; nothing was
 * sent then.
 */
export async function open(
  hub: EventHub,
  req: Request,
  res: Response,
  options: OpenOptions,
): Promise<Client> {
  const route = readRouteOptions(options);
  if (hasLeft(req, res)) return absentClient();
  checkCanStream(res);
  const decided = decide(hub, req, route);
  // Not awaited where nothing has to be waited for: the head is then sent before this returns.
  const decision = 'leave' in decided ? await whileThere(req, res, decided) : decided;
  if (decision.answer === 'stream') return begin(hub, req, res, decision.attachment, route);
  if (hasLeft(req, res)) return absentClient();
  checkCanStream(res);
  if (decision.answer === 'none') return absentClient();
  if (decision.answer === 'refusal') return refuse(hub, decision.reason, req, res, route);
  if (decision.answer === 'head') {
    sendHead(req, res, route.headers);
    return reject(res);
  }
  res.setHeader('Content-Type', 'text/plain; charset=utf-8');
  if (decision.answer === 'not allowed') {
    res.statusCode = 405;
    res.setHeader('Allow', METHODS);
    return reject(res, `This resource answers ${METHODS.join(', ')} only.\n`);
  }
  res.statusCode = 406;
  return reject(res, 'This resource is served as text/event-stream only.\n');
}

/** Gives the client's place back at once if it leaves before it is decided on. */
async function whileThere(
  req: Request,
  res: Response,
  { decision, leave }: PendingDecision,
): Promise<Decision> {
  // The response of HTTP/1 isn't notified of the connection's end while another response has its turn.
  const parties = isHttp2(req) ? [res] : [res, req.socket];
  for (const party of parties) party.once('close', leave);
  try {
    return await decision;
  } finally {
    for (const party of parties) party.off('close', leave);
  }
}

/** It is this client's own doing. */
const TOO_MANY: readonly Refusal[] = ['key', 'replay', 'connection'];

function begin(
  hub: EventHub,
  req: Request,
  res: Response,
  attachment: Attachment,
  route: RouteSettings,
): Client {
  if (hasLeft(req, res)) {
    attachment.left();
    return absentClient();
  }
  let client: Client;
  try {
    checkCanStream(res);
    // The head and the stream's first frames leave in one packet.
    res.cork?.();
    sendHead(req, res, route.headers);
    client = hub.attach(createSink(res), attachment);
  } catch (error) {
    attachment.left();
    throw error;
  } finally {
    res.uncork?.();
  }
  if (route.onConnect !== undefined) void connected(hub, client, req, route.onConnect);
  if (hasBody(req)) setImmediate(discardBody, req);
  return client;
}

async function connected(
  hub: EventHub,
  client: Client,
  req: Request,
  onConnect: NonNullable<RouteSettings['onConnect']>,
): Promise<void> {
  try {
    await onConnect(client, req as RouteRequest);
  } catch (error) {
    hub.logger.unheard('onConnect', `onConnect failed for client ${client.id}: ${describe(error)}`);
  }
}

/** https://www.rfc-editor.org/rfc/rfc9112#section-6-4. (Over HTTP/2 a stream shows its end whether it is read or not.) */
function hasBody({ headers }: Request): boolean {
  return (headers['content-length'] ?? headers['transfer-encoding']) !== undefined;
}

/**
 * A body that nobody has begun to read would keep its connection from showing that the client has left, and at last
 * have it cut for a request that takes too long.
 */
function discardBody(req: Request): void {
  if (req.readableFlowing === null && req.listenerCount('readable') === 0) req.resume();
}

/** Answers a client that is rejected, in the way that the hub's `refuse` says. */
export function refuse(
  hub: EventHub,
  reason: Refusal,
  req: Request,
  res: Response,
  { headers }: Pick<RouteSettings, 'headers'>,
): Client {
  if (reason === 'final') {
    res.statusCode = 204;
    return reject(res);
  }
  const retry = hub.admission.jitteredRetry();
  if (hub.admission.refuse === 'status') {
    res.statusCode = TOO_MANY.includes(reason) ? 429 : 503;
    res.setHeader('Retry-After', Math.ceil(retry / 1000));
    return reject(res);
  }
  // After a 429 or a 503, EventSource never reconnects; a stream that ends at once with `retry:` is obeyed.
  sendHead(req, res, headers);
  return reject(res, frameRetry(retry));
}

function reject(res: Response, body?: string | Buffer): Client {
  (res as { end(body?: string | Buffer): void }).end(body);
  return absentClient();
}

/** Whether the client is gone before its stream could be opened: after a slow check, say. */
function hasLeft(req: Request, res: Response): boolean {
  // A response that ended is destroyed as well, but its client has an answer.
  if (res.writableEnded) return false;
  if (isHttp2(req)) return (res as Http2ServerResponse).stream.destroyed;
  // The response isn't notified of the connection's end while another response has its turn.
  return res.destroyed || req.socket.destroyed;
}

function checkCanStream(res: Response): void {
  const why = cannotStream(res);
  if (why === undefined) return;
  throw new SseError('ERR_SSE_CANNOT_STREAM', `the response can't carry an event stream: ${why}`);
}

function cannotStream(res: Response): string | undefined {
  const { setHeader, flushHeaders, write, end, on } = res as Partial<ServerResponse>;
  if (!(setHeader && flushHeaders && write && end && on)) {
    const methods = Object.entries({ setHeader, flushHeaders, write, end, on });
    const [missing] = methods.find(([, method]) => !method) ?? [];
    return `it has no method ${missing}`;
  }
  if (res.writableEnded) return 'it has ended already';
  if (res.headersSent) return 'its head was sent already, by an earlier handler or middleware';
  return undefined;
}
