import type { Request } from '../request.js';

/**
 * The header, or the query parameter of clients that can't set headers. Some of them append it to a URL that has
 * it already, or behind a second question mark.
 */
export function readLastEventId({ headers, url = '' }: Request): string | undefined {
  const header = headers['last-event-id'];
  if (header) return String(header);
  const [, ...query] = url.split('?');
  return new URLSearchParams(query.join('&')).getAll('lastEventId').at(-1);
}
