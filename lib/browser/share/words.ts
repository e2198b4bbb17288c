import type { Step } from '../stream/step.js';
import type { StreamState } from '../stream/stream.js';

/** Of what members say to each other. Those of another version share among themselves. */
export const VERSION = 1;

/** A member wants to hear from the leader. */
export interface Question {
  readonly isQuestion: true;
}

/** What the leader says: all that has happened since its last word. */
export interface Word {
  readonly isQuestion?: false;
  /** The leader, and since when it leads. The later one leads; of two, the one with the greater name. */
  readonly term: number;
  readonly from: string;
  /** How many steps came before these. */
  readonly count: number;
  /** Where the stream was before them. */
  readonly place: string;
  readonly state: StreamState;
  readonly steps: readonly Step[];
  readonly isHidden: boolean;
  /** It is its last word. */
  readonly isLast: boolean;
}

/** Above 0 where the first one leads rather than the other. */
export function compareLeaders(
  one: Pick<Word, 'term' | 'from'>,
  other: Pick<Word, 'term' | 'from'>,
): number {
  return one.term - other.term || Number(one.from > other.from) - Number(one.from < other.from);
}
