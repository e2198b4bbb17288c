import type { Attachment, Refusal } from '../client/admission.js';
import type { EventHub } from '../hub.js';
import { acceptsEventStream } from './accept.js';
import type { Request, RouteRequest } from './message.js';
import { checkRooms, type RouteSettings } from './route-options.js';

/** How a request is to be answered. */
export type Decision =
  | { readonly answer: 'head' | 'not acceptable' }
  | { readonly answer: 'refusal'; readonly reason: Refusal }
  | { readonly answer: 'stream'; readonly attachment: Attachment };

/**
 * Decides on a request, without its response: by the Accept header, the hub's limits and the state
 * of its log. The client of a stream is counted as connected from here on, until `attachment.left` is
 * called.
 *
 * Returns at once where nothing has to be waited for. Throws, or rejects with, what the route's
 * functions throw, and a TypeError for rooms that are none.
 */
export function decide(
  hub: EventHub,
  req: Request,
  route: RouteSettings,
): Decision | Promise<Decision> {
  if (req.method === 'HEAD') return { answer: 'head' };
  if (!acceptsEventStream(req.headers.accept)) return { answer: 'not acceptable' };
  const lastEventId = readLastEventId(req);
  const key = () => (route.key ?? address)(req as RouteRequest);
  const entry = hub.admission.enter(key, lastEventId);
  if (typeof entry === 'string') return { answer: 'refusal', reason: entry };
  const fail = (error: unknown): never => {
    entry.left();
    throw error;
  };
  const place = (rooms: unknown): Decision | Promise<Decision> => {
    const attached = isBehindProxy(req) ? entry.attached : undefined;
    const { left } = entry;
    const attachment = { lastEventId, rooms: checkRooms(rooms), types: route, attached, left };
    const waited = hub.admission.catchUp(lastEventId);
    const settle = (unreachable?: Refusal): Decision => {
      // The hub may have been closed meanwhile, or its log be lost.
      const reason = unreachable ?? hub.admission.refusal(lastEventId);
      if (reason === undefined) return { answer: 'stream', attachment };
      entry.left();
      return { answer: 'refusal', reason };
    };
    return waited === undefined ? settle() : waited.then(settle);
  };
  try {
    const { rooms = [] } = route;
    const given = typeof rooms === 'function' ? rooms(req as RouteRequest) : rooms;
    return Array.isArray(given) ? place(given) : Promise.resolve(given).then(place).catch(fail);
  } catch (error) {
    return fail(error);
  }
}

/**
 * Whether the connection is that of a proxy, which is there even if the client is not. A peer that lost its
 * power must not be written to before its time: TCP would keep its connection for minutes.
 */
function isBehindProxy({ headers }: Request): boolean {
  return ['x-forwarded-for', 'forwarded', 'via'].some((name) => headers[name] !== undefined);
}

/**
 * The header, or the query parameter of clients that can't set headers. Some of them append it to a URL that has
 * it already, or behind a second question mark.
 */
function readLastEventId({ headers, url = '' }: Request): string | undefined {
  const header = headers['last-event-id'];
  if (header) return String(header);
  const [, ...query] = url.split('?');
  return new URLSearchParams(query.join('&')).getAll('lastEventId').at(-1);
}

function address(req: Request & { readonly ip?: string | undefined }): string {
  return req.ip ?? req.socket.remoteAddress ?? '';
}
