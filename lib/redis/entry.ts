import { quote } from '../errors.js';
import type { StoredEntry } from '../log/shared/engine.js';
import { FOREIGN, parseJson, readRecord } from '../log/shared/record.js';

/** An entry's id, and its fields and their values in turn. */
export type RawEntry = readonly [Buffer, readonly Buffer[]];

/** Throws where another program has added an entry behind all that can be counted. The next `sync` clears the log. */
export function sequence(id: unknown): number {
  const number = Number.parseInt(String(id), 10);
  if (number < Number.MAX_SAFE_INTEGER) return number;
  throw new Error(
    `a foreign entry has the id ${quote(String(id))}, behind which no event has room`,
  );
}

/** The entries of the one stream that was read. Each library, and each protocol, wraps them differently. */
export function entriesOfStream(reply: unknown): readonly RawEntry[] {
  if (reply === null || reply === undefined) return [];
  if (reply instanceof Map) return [...reply.values()][0] as RawEntry[];
  if (!Array.isArray(reply)) return Object.values(reply)[0] as RawEntry[];
  const [first, second] = reply;
  return (Array.isArray(first) ? first[1] : second) as RawEntry[];
}

export function readEntry([id, parts]: RawEntry): StoredEntry {
  const values = new Map<string, Buffer>();
  for (let index = 0; index < parts.length; index += 2) {
    values.set(String(parts[index]), parts[index + 1] as Buffer);
  }
  const [rooms, key] = [values.get('r'), values.get('k')];
  // What is no JSON is no list of rooms either.
  const list = rooms === undefined ? undefined : (parseJson(String(rooms)) ?? null);
  const [epoch, tag] = [values.get('e'), values.get('w')];
  const record = readRecord(values.get('d'), list, key === undefined ? undefined : String(key));
  return {
    epoch: String(epoch),
    sequence: sequence(id),
    tag: String(tag),
    ...(epoch === undefined || tag === undefined ? FOREIGN : record),
  };
}
