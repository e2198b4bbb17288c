import { createHash } from 'node:crypto';
import type { LogRecord } from '../log/log.js';
import type { Extent, Place } from '../log/shared/engine.js';
import { FOREIGN, readRecord } from '../log/shared/record.js';
import { parseJson } from '../util/json.js';
import type { StoredMessage, StreamInfo } from './client.js';

/** How many epochs the stream has begun since it was made, and behind which message the last begins. */
interface Era {
  readonly number: number;
  readonly start: number;
}

/**
 * (The word is an older one. It stays, since streams that exist have it.) Others may have written the description: a
 * number that can't be counted on from would never end.
 */
const ERA = / ?\(express-sse-hub: life ([0-9]{1,15}) from ([0-9]{1,15})\)$/;

/**
 * The stream's description for a new epoch, which begins behind `start`: the first one that is not over.
 * Nodes that remember the same epochs get the same description.
 */
export function describeEpoch(
  stream: string,
  info: StreamInfo,
  start: number,
  former: readonly string[],
): string {
  const description = (info.config.description ?? '').replace(ERA, '');
  let { number } = eraOf(info);
  do number++;
  while (former.includes(epochOf(stream, info, number)));
  return `${description} (express-sse-hub: life ${number} from ${start})`.trim();
}

function epochOf(stream: string, { created }: StreamInfo, count: number): string {
  const birth = createHash('sha256').update(`${stream} ${created} ${count}`);
  return birth.digest('base64url').slice(0, 8);
}

function eraOf({ config }: StreamInfo): Era {
  const [, number, start] = ERA.exec(config.description ?? '') ?? [];
  return { number: Number(number ?? 0), start: Number(start ?? 0) };
}

/** Whether the stream has its date of creation: while it is made, the server gives a year 1. */
export function isBorn({ created }: StreamInfo): boolean {
  return !created.startsWith('0001-');
}

/** Whether the answer is the leader's: without a leader, a server only knows what it has itself. */
export function isLed({ cluster }: StreamInfo): boolean {
  return cluster === undefined || Boolean(cluster.leader);
}

/** Whether the stream is in a cluster and had no message yet: its servers may still differ about it. */
export function isNew({ cluster, state }: StreamInfo): boolean {
  return cluster !== undefined && state.last_seq === 0;
}

export function extentOf(stream: string, info: StreamInfo): Extent {
  const { number, start } = eraOf(info);
  const { messages, first_seq, last_seq } = info.state;
  return {
    epoch: epochOf(stream, info, number),
    start,
    trimmedTo: messages === 0 ? last_seq : first_seq - 1,
    head: last_seq,
  };
}

/** Tag, rooms and key stand before the event, on a line of their own. */
export function encode(record: LogRecord, tag: string): Buffer {
  const { fields, rooms, conflate, except, isEphemeral } = record;
  const head = JSON.stringify({
    w: tag,
    r: rooms,
    k: conflate,
    x: except,
    o: isEphemeral || undefined,
  });
  return Buffer.concat([Buffer.from(`${head}\n`), fields]);
}

export function decode({ data }: StoredMessage): LogRecord & Pick<Place, 'tag'> {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const end = bytes.indexOf('\n');
  const { w, r, k, x, o } = Object(parseJson(bytes.toString('utf8', 0, end)));
  // Without a tag, nobody waits for it to be stored.
  if (typeof w !== 'string') return { tag: '', ...FOREIGN };
  return {
    tag: w,
    ...readRecord({
      fields: bytes.subarray(end + 1),
      rooms: r,
      conflate: k,
      except: x,
      isEphemeral: o,
    }),
  };
}
