import { createHash } from 'node:crypto';
import type { Extent, Place } from './engine.js';
import type { LogRecord } from './log.js';
import type { StoredMessage, StreamInfo } from './nats-client.js';

/** How often newest messages were lost since the stream was made, and behind which that was noticed. */
interface Life {
  readonly number: number;
  readonly start: number;
}

const LIFE = / ?\(express-sse-hub: life ([0-9]+) from ([0-9]+)\)$/;

/** The stream's description with its next life in it, which begins behind `start`. */
export function describeLife(info: StreamInfo, start: number): string {
  const description = (info.config.description ?? '').replace(LIFE, '');
  return `${description} (express-sse-hub: life ${lifeOf(info).number + 1} from ${start})`.trim();
}

function lifeOf({ config }: StreamInfo): Life {
  const [, number, start] = LIFE.exec(config.description ?? '') ?? [];
  return { number: Number(number ?? 0), start: Number(start ?? 0) };
}

/** Whether the stream has its date of birth: while it is made, the server gives a year 1. */
export function isBorn({ created }: StreamInfo): boolean {
  return !created.startsWith('0001-');
}

export function extentOf(stream: string, info: StreamInfo): Extent {
  const { number, start } = lifeOf(info);
  const { messages, first_seq, last_seq } = info.state;
  const birth = createHash('sha256').update(`${stream} ${info.created} ${number}`);
  return {
    epoch: birth.digest('base64url').slice(0, 8),
    start,
    tail: messages === 0 ? last_seq : first_seq - 1,
    head: last_seq,
  };
}

/** What is not the event itself stands before it, on a line of its own. */
export function encode({ fields, rooms, conflate }: LogRecord, tag: string): Buffer {
  const head = JSON.stringify({ w: tag, r: rooms, k: conflate });
  return Buffer.concat([Buffer.from(`${head}\n`), fields]);
}

export function decode({ data }: StoredMessage): LogRecord & Pick<Place, 'tag'> {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const end = bytes.indexOf('\n');
  const { w, r, k } = JSON.parse(bytes.toString('utf8', 0, end));
  return { tag: w, rooms: r, conflate: k, fields: bytes.subarray(end + 1) };
}
