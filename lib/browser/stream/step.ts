import type { StreamState } from './stream.js';
import type { StreamError } from './stream-error.js';

/** What happens on a stream, in order: an event comes, or the state is another one. */
export interface Step {
  /** The type and the text of the event. */
  readonly event?: readonly [type: string, data: string] | undefined;
  /** The Last-Event-ID behind the step. */
  readonly place: string;
  /** The state behind the step. */
  readonly state: StreamState;
  /** What has gone wrong. */
  readonly error?: StreamError | undefined;
}

/** Where steps go to. */
export interface Reader {
  take(step: Step): void;
  /** Resolves when there is room for more; undefined where there is. */
  room(): Promise<void> | undefined;
}

/** Where steps come from. */
export interface Source {
  /** No more of them. */
  close(): void;
}
