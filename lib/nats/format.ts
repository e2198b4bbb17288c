import { createHash } from 'node:crypto';
import type { LogRecord } from '../log/log.js';
import type { Extent, Place } from '../log/shared/engine.js';
import type { StoredMessage, StreamInfo } from './client.js';

/** Which life of the stream it is, since it was made, and behind which message it begins. */
interface Life {
  readonly number: number;
  readonly start: number;
}

const LIFE = / ?\(express-sse-hub: life ([0-9]+) from ([0-9]+)\)$/;

/**
 * The stream's description with another life in it, which begins behind `start`: the first whose
 * epoch is none of those that are over. Nodes that remember the same come to the same.
 */
export function describeLife(
  stream: string,
  info: StreamInfo,
  start: number,
  former: readonly string[],
): string {
  const description = (info.config.description ?? '').replace(LIFE, '');
  let { number } = lifeOf(info);
  do number++;
  while (former.includes(epochOf(stream, info, number)));
  return `${description} (express-sse-hub: life ${number} from ${start})`.trim();
}

function epochOf(stream: string, { created }: StreamInfo, life: number): string {
  const birth = createHash('sha256').update(`${stream} ${created} ${life}`);
  return birth.digest('base64url').slice(0, 8);
}

function lifeOf({ config }: StreamInfo): Life {
  const [, number, start] = LIFE.exec(config.description ?? '') ?? [];
  return { number: Number(number ?? 0), start: Number(start ?? 0) };
}

/** Whether the stream has its date of birth: while it is made, the server gives a year 1. */
export function isBorn({ created }: StreamInfo): boolean {
  return !created.startsWith('0001-');
}

/** Whether who answered knows all that is stored: a server without a leader knows what it has itself. */
export function isLed({ cluster }: StreamInfo): boolean {
  return cluster === undefined || Boolean(cluster.leader);
}

export function extentOf(stream: string, info: StreamInfo): Extent {
  const { number, start } = lifeOf(info);
  const { messages, first_seq, last_seq } = info.state;
  return {
    epoch: epochOf(stream, info, number),
    start,
    trimmedTo: messages === 0 ? last_seq : first_seq - 1,
    head: last_seq,
  };
}

/** Somebody else's message: an event for nobody, so that there is no hole in its place. */
const STRANGE = { tag: '', rooms: [], conflate: undefined, fields: Buffer.alloc(0) };

/** What is not the event itself stands before it, on a line of its own. */
export function encode({ fields, rooms, conflate }: LogRecord, tag: string): Buffer {
  const head = JSON.stringify({ w: tag, r: rooms, k: conflate });
  return Buffer.concat([Buffer.from(`${head}\n`), fields]);
}

export function decode({ data }: StoredMessage): LogRecord & Pick<Place, 'tag'> {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const end = bytes.indexOf('\n');
  const head = parse(bytes.toString('utf8', 0, end));
  if (typeof head?.w !== 'string') return STRANGE;
  return { tag: head.w, rooms: head.r, conflate: head.k, fields: bytes.subarray(end + 1) };
}

function parse(text: string): { w: string; r?: string[]; k?: string } | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
