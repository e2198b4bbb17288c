import { inspect } from 'node:util';

/**
 * - `ERR_SSE_CLOSED`: the hub is closed, or closing, and the event was not sent. Where a shared log was
 *   unreachable then, an event that was on its way into it may be stored all the same.
 * - `ERR_SSE_LOG_AWAY`: the log has stored nothing for the hub's `sendTimeout`. Nobody waits for the event
 *   any more, but it may be on its way into the log, and clients may receive it all the same. Also of `position()`, where
 *   the log has not been reached since the hub was made, and of answers, where it can't be asked.
 * - `ERR_SSE_LOG_REFUSED`: the log will not take the event. `cause` says why, and nothing was sent.
 * - `ERR_SSE_CANNOT_STREAM`: the response can't carry an event stream. `status` is 501.
 * - `ERR_SSE_ANSWER_EXISTS`: there is a running answer with this id. `status` is 409.
 * - `ERR_SSE_ANSWER_ENDED`: the answer was stopped, or has failed, and takes nothing more. Its `signal` aborts with this.
 * - `ERR_SSE_ANSWER_UNKNOWN`: there is no answer with this id, or it has expired. `status` is 404.
 * - `ERR_SSE_ANSWERS_FULL`: `maxAnswers` answers are running.
 */
export type SseErrorCode =
  | 'ERR_SSE_CLOSED'
  | 'ERR_SSE_LOG_AWAY'
  | 'ERR_SSE_LOG_REFUSED'
  | 'ERR_SSE_CANNOT_STREAM'
  | 'ERR_SSE_ANSWER_EXISTS'
  | 'ERR_SSE_ANSWER_ENDED'
  | 'ERR_SSE_ANSWER_UNKNOWN'
  | 'ERR_SSE_ANSWERS_FULL';

/** The HTTP status of an error: 503 unless it is another one. */
const STATUS: Partial<Record<SseErrorCode, number>> = {
  ERR_SSE_CANNOT_STREAM: 501,
  ERR_SSE_ANSWER_EXISTS: 409,
  ERR_SSE_ANSWER_ENDED: 409,
  ERR_SSE_ANSWER_UNKNOWN: 404,
};

/** The same in all copies of this module: an app may load the package as ESM and as CommonJS. */
const BRAND = Symbol.for('express-sse-hub.SseError');

/** An error of this package. Its `code` says which. `instanceof` holds in whichever way the package is loaded. */
export class SseError extends Error {
  static override [Symbol.hasInstance](value: unknown): value is SseError {
    // biome-ignore lint/complexity/noThisInStatic: classes that extend this one inherit the method.
    return this === SseError ? hasBrand(value) : super[Symbol.hasInstance](value);
  }

  override readonly name = 'SseError';
  /** What went wrong, for programs. */
  readonly code: SseErrorCode;
  /** The HTTP status that Express's error handling answers with. */
  readonly status: number;

  constructor(code: SseErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.code = code;
    Object.defineProperty(this, BRAND, { value: true });
    this.status = STATUS[code] ?? 503;
  }
}

function hasBrand(value: unknown): boolean {
  try {
    return typeof value === 'object' && value !== null && BRAND in value;
  } catch {
    return false;
  }
}

/** How many characters a quoted value may have. */
const QUOTE_LENGTH = 120;

/** A value as an error message quotes it: on one line, and cut where it is long. */
export function quote(value: unknown): string {
  return orElse(`a value of type ${typeof value} that can't be shown`, () => {
    // Under async hooks, a promise shows its hooks' symbols.
    if (value instanceof Promise) return 'Promise';
    const text = inspect(value, {
      depth: 1,
      maxStringLength: 60,
      maxArrayLength: 5,
      breakLength: Infinity,
    });
    // Errors have their stack with them, and objects any number of properties.
    const line = text.replace(/\s*\n\s*/g, ' ');
    return line.length <= QUOTE_LENGTH ? line : `${line.slice(0, QUOTE_LENGTH - 1)}…`;
  });
}

/** An error as a log line names it: with its message, on one line, and without its stack. */
export function describe(error: unknown): string {
  return orElse("an error that can't be shown", () => {
    if (!(error instanceof Error)) return quote(error);
    // The error of a connection that failed for every address has no message of its own.
    const { code = '' } = error as { code?: unknown };
    return `${error.name}: ${error.message || code}`.replace(/\s*\n\s*/g, ' ');
  });
}

/** What an error says, for the message of another one. */
export function messageOf(error: unknown): string {
  return orElse("an error that can't be shown", () =>
    error instanceof Error ? `${error.message}` : quote(error),
  );
}

/** What kind of error it is, for those that are reported once: its code, or its name. */
export function kindOf(error: unknown): string {
  return orElse('an error', () =>
    error instanceof SseError ? error.code : (describe(error).split(':', 1)[0] as string),
  );
}

/** Revoked proxies throw at every touch, and getters and methods of others' objects may. */
function orElse(otherwise: string, show: () => string): string {
  try {
    return show();
  } catch {
    return otherwise;
  }
}
