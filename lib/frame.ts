import { isAnyArrayBuffer, isUint8Array } from 'node:util/types';
import { messageOf, quote } from './errors.js';
import { disregard } from './util/disregard.js';
import { toJson } from './util/json.js';
import type { Reporter } from './util/logger.js';
import { integer, isEventType, MAX_DELAY } from './validate.js';

/** Turns data that is neither a string nor bytes into text. */
export type Serialize = (data: unknown) => string | undefined;

const LINE_BREAK = /\r\n|\r|\n/g;

/**
 * The fields of one event, as bytes, without its id and without the empty line that dispatches it
 * (`frameEvent` adds both, once the log has given the event its place).
 *
 * Strings are sent as they are, bytes (a Uint8Array or ArrayBuffer) as UTF-8, `undefined` as empty data,
 * everything else through `serialize`. CR, LF and CRLF in the data all reach the client as LF.
 *
 * Throws a TypeError for a type that would forge fields, and for data that `serialize` can't carry;
 * a TypeError or RangeError for a bad `retry`.
 *
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 */
export function encodeEvent(
  type: string,
  data: unknown,
  retry: number | undefined,
  serialize: Serialize,
): Buffer {
  const head = typeField(type) + (retry === undefined ? '' : retryField(retry));
  const bytes = asBytes(data);
  if (bytes !== undefined) {
    // Read as latin1, each byte is one character: what splits text splits bytes as well.
    return Buffer.concat([
      Buffer.from(head),
      Buffer.from(dataLines(bytes.toString('latin1')), 'latin1'),
    ]);
  }
  return Buffer.from(head + dataLines(asText(type, data, serialize)));
}

/** `encodeEvent` with the options of a hub. */
export type Encode = (type: string, data: unknown, retry?: number) => Buffer;

/** EventSource dispatches events of these types itself. */
const EVENT_SOURCES_OWN = ['error', 'open'];

/**
 * Its function throws also a RangeError, for an event that is longer than `maxEventBytes`. It warns of types that
 * EventSource has itself.
 */
export function createEncoder(
  serialize: Serialize,
  maxEventBytes: number,
  reporter: Pick<Reporter, 'once'>,
): Encode {
  return (type, data, retry) => {
    if (EVENT_SOURCES_OWN.includes(type)) {
      const message = `event type '${type}': EventSource has an event of its own with this name, and calls on${type} for both; another name keeps them apart`;
      reporter.once(`type ${type}`, message);
    }
    const fields = encodeEvent(type, data, retry, serialize);
    if (fields.length <= maxEventBytes) return fields;
    throw new RangeError(
      `event ${quote(type)}: must have at most maxEventBytes, ${maxEventBytes} bytes, and has ${fields.length}`,
    );
  };
}

/**
 * A whole event: its fields, its id, and the empty line that dispatches it.
 *
 * The id comes last, because some clients take it as soon as its line has arrived. If they are cut off
 * within the data, they have to reconnect with the id of the event before.
 */
export function frameEvent(id: string, fields: Buffer): Buffer {
  const end = `${idField(id)}\n`;
  const frame = Buffer.allocUnsafe(fields.length + end.length);
  frame.set(fields);
  frame.write(end, fields.length, 'latin1');
  return frame;
}

/** Type and data of an event, from its frame: as a client reads them. */
export function readFrame(frame: Buffer): { readonly type: string; readonly data: string } {
  let type = 'message';
  const data: string[] = [];
  for (const line of frame.toString().split('\n')) {
    if (line.startsWith('event: ')) type = line.slice(7);
    else if (line.startsWith('data: ')) data.push(line.slice(6));
  }
  return { type, data: data.join('\n') };
}

/** A whole event without an id: the client keeps the one it has. */
export function frameFields(fields: Buffer): Buffer {
  return Buffer.concat([fields, Buffer.from('\n')]);
}

/** Sets how long the client waits before it reconnects, in ms, without an event: the end of a stream. */
export function frameRetry(retry: number): Buffer {
  return Buffer.from(`${retryField(retry)}\n`);
}

/** A line that no client dispatches: an empty line behind it would be an event without data to some. */
export const COMMENT = Buffer.from(':\n');

export function idField(id: string): string {
  return `id: ${id}\n`;
}

function typeField(type: string): string {
  if (!isEventType(type)) {
    throw new TypeError(
      `event type ${quote(type)}: must be a non-empty string without CR, LF and NUL`,
    );
  }
  return type === 'message' ? '' : `event: ${type}\n`;
}

export function retryField(retry: number): string {
  return `retry: ${checkRetry(retry)}\n`;
}

/**
 * Throws a TypeError for what is no number, a RangeError for what is no integer from 0 to
 * MAX_DELAY: clients on Node hand it to setTimeout, which fires at once for more, so that they would
 * reconnect many times a second.
 */
function checkRetry(retry: unknown): number {
  return integer('retry', retry, 0, 0, { most: MAX_DELAY, alternative: ', in milliseconds' });
}

function dataLines(text: string): string {
  // To look for one character is many times quicker than the expression.
  const isOneLine = !text.includes('\n') && !text.includes('\r');
  return `data: ${isOneLine ? text : text.replace(LINE_BREAK, '\ndata: ')}\n`;
}

/** The bytes that data is, if it is bytes. */
export function asBytes(data: unknown): Buffer | undefined {
  if (isUint8Array(data)) return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return isAnyArrayBuffer(data) ? Buffer.from(data) : undefined;
}

function asText(type: string, data: unknown, serialize: Serialize): string {
  if (typeof data === 'string') return data;
  if (data === undefined) return '';
  let text: unknown;
  try {
    text = serialize === JSON.stringify ? toJson(data) : serialize(data);
  } catch (cause) {
    const why = messageOf(cause);
    throw new TypeError(`data of event ${quote(type)} can't be serialized: ${why}`, { cause });
  }
  if (typeof text === 'string') return text;
  disregard(text);
  throw new TypeError(
    `data of event ${quote(type)} can't be serialized: ${quote(data)} came out as ${quote(text)}, not as a string`,
  );
}
