import type { LogEntry, LogPage, LogRecord } from './log.js';

/** Whether a record is for who is in these rooms: for one of them, or for everybody. */
export function isForRooms({ rooms }: Pick<LogRecord, 'rooms'>, own: ReadonlySet<string>): boolean {
  return rooms === undefined || rooms.some((room) => own.has(room));
}

/** The page that all entries above a sequence are, of a log that has them up to `end`. What is not there is gone. */
export function pageOf<Entry extends LogEntry>(
  entries: readonly Entry[],
  after: number,
  end: number,
): LogPage & { readonly entries: readonly Entry[] } {
  const first = entries[0]?.sequence ?? end + 1;
  const lost = first > after + 1 ? first - 1 : 0;
  return { entries, through: entries.at(-1)?.sequence ?? end, lost };
}
