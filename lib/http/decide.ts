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
  const left = hub.admission.enter(key, lastEventId);
  if (typeof left === 'string') return { answer: 'refusal', reason: left };
  const fail = (error: unknown): never => {
    left();
    throw error;
  };
  const place = (rooms: unknown): Decision | Promise<Decision> => {
    const attachment = { lastEventId, rooms: checkRooms(rooms), types: route, left };
    const waited = hub.admission.catchUp(lastEventId);
    const settle = (unreachable?: Refusal): Decision => {
      // The hub may have been closed meanwhile, or its log be lost.
      const reason = unreachable ?? hub.admission.refusal(lastEventId);
      if (reason === undefined) return { answer: 'stream', attachment };
      left();
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

/** The header, or the query parameter of clients that can't set headers. */
function readLastEventId(req: Request): string | undefined {
  const header = req.headers['last-event-id'];
  if (header !== undefined) return String(header);
  const query = req.url?.split('?')[1];
  return query === undefined
    ? undefined
    : (new URLSearchParams(query).get('lastEventId') ?? undefined);
}

function address(req: Request & { readonly ip?: string | undefined }): string {
  return req.ip ?? req.socket.remoteAddress ?? '';
}
