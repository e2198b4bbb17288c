import { quote } from '../errors.js';
import type { StoredEntry } from '../log/shared/engine.js';
import { FOREIGN, readRecord } from '../log/shared/record.js';
import { parseJson } from '../util/json.js';

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

/** The epoch and the tag: of the log's own entry, or of a copy in a room. */
function writtenBy(values: ReadonlyMap<string, Buffer>): (Buffer | string | undefined)[] {
  const copy = values.get('h');
  if (copy === undefined) return [values.get('e'), values.get('w')];
  return String(copy).split(' ').slice(2);
}

export function readEntry([id, parts]: RawEntry): StoredEntry {
  const values = new Map<string, Buffer>();
  for (let index = 0; index < parts.length; index += 2) {
    values.set(String(parts[index]), parts[index + 1] as Buffer);
  }
  const [rooms, key, except] = [values.get('r'), values.get('k'), values.get('x')];
  // What is no JSON is no list of rooms either.
  const list = rooms === undefined ? undefined : (parseJson(String(rooms)) ?? null);
  const [epoch, tag] = writtenBy(values);
  const record = readRecord({
    fields: values.get('d'),
    rooms: list,
    conflate: key === undefined ? undefined : String(key),
    except: except === undefined ? undefined : String(except),
    isEphemeral: values.has('o'),
  });
  return {
    epoch: String(epoch),
    sequence: sequence(id),
    tag: String(tag),
    ...(epoch === undefined || tag === undefined ? FOREIGN : record),
  };
}
