/** A place in a log: an epoch of the log, and an event of that epoch. */
export interface EventId {
  readonly epoch: string;
  /** The event's number: dense, from 1; 0 is the place before the first event. */
  readonly sequence: number;
}

/**
 * Longer ids are not honoured. Browsers send a Last-Event-ID of more than 128 bytes only after a
 * CORS preflight (https://fetch.spec.whatwg.org/#cors-safelisted-request-header).
 */
export const MAX_ID_LENGTH = 64;

const EVENT_ID = /^([A-Za-z0-9_~-]{1,40})\.(0|[1-9][0-9]{0,15})$/;

export function formatEventId(epoch: string, sequence: number): string {
  return `${epoch}.${sequence}`;
}

/** Reads an id back; undefined where it is not one that `formatEventId` makes. */
export function parseEventId(text: string): EventId | undefined {
  const match = EVENT_ID.exec(text);
  if (match === null) return undefined;
  const sequence = Number(match[2]);
  return Number.isSafeInteger(sequence) ? { epoch: match[1] as string, sequence } : undefined;
}
