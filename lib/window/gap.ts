/** Why a client can't go on where it was. */
export type GapReason = 'malformed' | 'oversized' | 'epoch' | 'ahead' | 'trimmed' | 'slow';

/** What a client missed: the data of a `gap` event. */
export interface Gap {
  readonly reason: GapReason;
  /** How many events, where that is known. */
  readonly missed?: number | undefined;
}

/** One gap for two in a row. Its reason is that of the first. */
export function join(first: Gap | undefined, second: Gap): Gap {
  if (first === undefined) return second;
  const { missed } = first;
  const isKnown = missed !== undefined && second.missed !== undefined;
  return { reason: first.reason, missed: isKnown ? missed + (second.missed as number) : undefined };
}
