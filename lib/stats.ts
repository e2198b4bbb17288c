/** What a hub has done and is doing. The counters begin at its creation. */
export interface HubStats {
  /** Clients connected now. */
  readonly connected: number;
  /** Requests whose streams are not open yet: the route's `rooms` is pending, or the log is catching up. */
  readonly opening: number;
  /** Events that have come from the log: also those of other processes, where they share the log. */
  readonly accepted: number;
  /** Entries of a shared log that no hub has written. They are for nobody. */
  readonly foreign: number;
  /** Events written to clients, each counted once for each client. */
  readonly delivered: number;
  /** Events dropped for clients that were slow. */
  readonly dropped: number;
  /** Clients evicted for being slow. */
  readonly evicted: number;
  /** Clients that reconnected, and went on where they were. */
  readonly replayed: number;
  /** Gaps that clients were notified of. */
  readonly gaps: number;
  /** Bytes of the events written to clients, transport framing not counted. */
  readonly bytes: number;
  /** Sends that are on their way, or wait for a slot of the publish queue. */
  readonly queued: number;
  /** How many events the client furthest behind is behind. */
  readonly lag: number;
  /** The log, as this hub sees it. */
  readonly log: {
    /** Whether the log is reachable. Always true for the log in memory. */
    readonly connected: boolean;
    /** How many of the events that are known to be in the log have not come to this hub yet. */
    readonly behind: number;
  };
}

/** The figures that only grow. */
export type Counters = {
  -readonly [Name in Exclude<
    keyof HubStats,
    'connected' | 'opening' | 'queued' | 'lag' | 'log'
  >]: number;
};

export function createCounters(): Counters {
  return {
    accepted: 0,
    foreign: 0,
    delivered: 0,
    dropped: 0,
    evicted: 0,
    replayed: 0,
    gaps: 0,
    bytes: 0,
  };
}
