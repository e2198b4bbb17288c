import { StreamError } from '../stream/stream-error.js';

/** What to do after a response that is no stream. */
export interface Verdict {
  /**
   * `end`: the server wants no further request. `later`: to try again. `renew`: to ask for the headers anew. `never`: to
   * try again would change nothing.
   */
  readonly next: 'end' | 'later' | 'renew' | 'never';
  readonly error?: StreamError;
  /** How long the server wants to be left alone, in ms. */
  readonly after?: number;
}

/** Statuses that pass: https://www.rfc-editor.org/rfc/rfc9110#section-15 and RFC 6585, section 4. */
const PASSING = [408, 425, 429];

/** Undefined for a response that is a stream. */
export function judge(response: Response): Verdict | undefined {
  const { status } = response;
  const error = (why: string) => new StreamError(`${response.url}: ${why}`, status);
  if (status === 204) return { next: 'end' };
  if (status === 401 || status === 403) {
    return { next: 'renew', error: error(`the server refuses this user (${status})`) };
  }
  if (status >= 500 || PASSING.includes(status)) {
    const after = retryAfter(response.headers.get('retry-after'));
    return { next: 'later', error: error(`the server answers with ${status}`), after };
  }
  if (status !== 200) return { next: 'never', error: error(`the server answers with ${status}`) };
  const type = response.headers.get('content-type') ?? 'nothing';
  if (type.startsWith('text/event-stream')) return undefined;
  const what = `must be text/event-stream, and is ${type}`;
  const login = response.redirected && type.startsWith('text/html');
  return {
    next: 'never',
    error: error(login ? `the server redirects to a page, to log in perhaps: ${what}` : what),
  };
}

/** https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3 */
function retryAfter(value: string | null): number {
  if (value === null) return 0;
  const seconds = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
}
