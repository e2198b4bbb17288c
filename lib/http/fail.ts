import { SseError } from '../errors.js';
import type { Response } from '../request.js';

/** Answers with an error's status, for a server that has no error handling of its own. */
export function answerFailure(res: Response, error: unknown): void {
  if (res.writableEnded) return;
  if (res.headersSent) {
    // Nothing else would ever end the response.
    res.destroy();
    return;
  }
  res.statusCode = error instanceof SseError ? error.status : 500;
  res.end();
}
