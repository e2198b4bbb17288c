// http/: everything that knows HTTP: requests, responses, sockets.

import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { Refusal } from '../client/admission.js';
import { absentClient, type Client, checkRoom, type StreamClient } from '../client/cursor.js';
import { quote, SseError } from '../errors.js';
import { frameRetry } from '../frame.js';
import type { Attachment, EventHub } from '../hub.js';
import { record } from '../validate.js';
import { acceptsEventStream } from './accept.js';
import { checkHeaders, type Headers, sendHead } from './head.js';
import type { Request, Response } from './message.js';
import { createSink } from './sink.js';

/** A function of the request, which may be declared with Express's Request as well. */
type OfRequest<Result> = { of(req: Request): Result }['of'];

export interface OpenOptions {
  /**
   * Response headers beside those of an event stream, or instead of them: an object from name to
   * value. Default: none.
   */
  readonly headers?: Headers | undefined;
  /**
   * The rooms a client is in from the start: a list, a function of the request that gives one, or
   * gives a promise of one. What the function throws goes to `next`, and no stream is opened.
   * Default: none.
   */
  readonly rooms?:
    | readonly string[]
    | OfRequest<readonly string[] | Promise<readonly string[]>>
    | undefined;
  /**
   * Called with each client whose stream was opened: what it sends to the client comes before any
   * event accepted later. What it throws goes to the hub's logger, and the stream goes on.
   */
  readonly onConnect?: { on(client: Client, req: Request): unknown }['on'] | undefined;
  /**
   * Whom a client belongs to, for `maxClientsPerKey`: a function of the request that gives a string.
   * Default: Express's `req.ip`, or the address of the connection.
   */
  readonly key?: OfRequest<string> | undefined;
}

/** The names of all options of a route. */
export const ROUTE_OPTIONS = ['headers', 'rooms', 'onConnect', 'key'] as const;

/** Throws a TypeError that names the option for a bad one. */
function checkOpenOptions(options: OpenOptions): void {
  const { headers, rooms, onConnect, key } = record('open options', options, ROUTE_OPTIONS);
  checkHeaders(headers as Headers | undefined);
  if (rooms !== undefined && typeof rooms !== 'function') checkRooms(rooms);
  for (const [name, value] of Object.entries({ onConnect, key })) {
    if (value !== undefined && typeof value !== 'function') {
      throw new TypeError(`${name} ${quote(value)}: must be a function`);
    }
  }
}

/** The options of a route, checked once for all requests. Throws as `open` does for a bad one. */
export function readOpenOptions(options: OpenOptions): OpenOptions {
  checkOpenOptions(options);
  const route = Object.freeze({ ...options });
  checked.add(route);
  return route;
}

const checked = new WeakSet<OpenOptions>();

/**
 * Answers a request with the hub's stream. Throws for a bad option, an SseError where the response
 * can't carry a stream, and what the option `rooms` throws; nothing was sent then.
 */
export async function open(
  hub: EventHub,
  req: Request,
  res: Response,
  options: OpenOptions,
): Promise<Client> {
  if (!checked.has(options)) checkOpenOptions(options);
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
  const lastEventId = readLastEventId(req);
  const left = hub.enter(() => (options.key ?? address)(req), lastEventId);
  if (typeof left === 'string') return refuse(hub, left, req, res, options);
  let rooms: readonly string[];
  try {
    const given = typeof options.rooms === 'function' ? options.rooms(req) : (options.rooms ?? []);
    // Not awaited where nothing has to be waited for: the head is then sent before this returns.
    rooms = checkRooms(Array.isArray(given) ? given : await given);
    const catchUp = hub.catchUp(lastEventId);
    const away = catchUp === undefined ? undefined : await catchUp;
    if (catchUp !== undefined || typeof options.rooms === 'function') {
      if (hasLeft(req, res)) {
        left();
        return absentClient();
      }
      checkCanStream(res);
      const refusal = away ?? hub.refusal(lastEventId);
      if (refusal) {
        left();
        return refuse(hub, refusal, req, res, options);
      }
    }
  } catch (error) {
    left();
    throw error;
  }
  const client = begin(hub, req, res, { lastEventId, rooms, left }, options);
  if (options.onConnect !== undefined) void connected(hub, client, req, options.onConnect);
  return client;
}

function begin(
  hub: EventHub,
  req: Request,
  res: Response,
  attachment: Attachment,
  { headers }: OpenOptions,
): StreamClient {
  // The head and the stream's first frames leave in one packet.
  res.cork?.();
  try {
    sendHead(req, res, headers);
    return hub.attach(createSink(res), attachment);
  } catch (error) {
    attachment.left();
    throw error;
  } finally {
    res.uncork?.();
  }
}

function checkRooms(rooms: unknown): readonly string[] {
  if (!Array.isArray(rooms)) {
    throw new TypeError(`rooms ${quote(rooms)}: must be a list of strings`);
  }
  rooms.forEach(checkRoom);
  return rooms;
}

async function connected(
  hub: EventHub,
  client: Client,
  req: Request,
  onConnect: NonNullable<OpenOptions['onConnect']>,
): Promise<void> {
  try {
    await onConnect(client, req);
  } catch (error) {
    hub.warn(`onConnect failed for client ${client.id}: ${quote(error)}`);
  }
}

function refuse(
  hub: EventHub,
  refusal: Refusal,
  req: Request,
  res: Response,
  { headers }: OpenOptions,
): Client {
  if (refusal === 'final') {
    res.statusCode = 204;
    return turnAway(res);
  }
  const retry = hub.jitteredRetry();
  if (refusal === 'key' || hub.refuse === 'status') {
    res.statusCode = refusal === 'key' ? 429 : 503;
    res.setHeader('Retry-After', Math.ceil(retry / 1000));
    return turnAway(res);
  }
  // After a 503, EventSource never comes back; a stream that ends at once with `retry:` is obeyed.
  sendHead(req, res, headers);
  return turnAway(res, frameRetry(retry));
}

function turnAway(res: Response, body?: string | Buffer): Client {
  (res as { end(body?: string | Buffer): void }).end(body);
  return absentClient();
}

function address(req: Request & { readonly ip?: string | undefined }): string {
  return req.ip ?? req.socket.remoteAddress ?? '';
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

/** The header, or the query parameter of clients that can't set headers. */
function readLastEventId(req: Request): string | undefined {
  const header = req.headers['last-event-id'];
  if (header !== undefined) return String(header);
  const query = req.url?.split('?')[1];
  return query === undefined
    ? undefined
    : (new URLSearchParams(query).get('lastEventId') ?? undefined);
}
