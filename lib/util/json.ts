import { isBoxedPrimitive, isNativeError } from 'node:util/types';

/** What to send instead of values whose contents are no properties. */
const INSTEAD: Readonly<Record<string, string>> = {
  Map: 'Object.fromEntries(map), or [...map]',
  Set: '[...set]',
  Promise: 'what it resolves with: await it',
  Error: 'its message, or an object of what clients are to know',
  ArrayBuffer: 'new Uint8Array(buffer) as the data itself',
  Blob: 'new Uint8Array(await blob.arrayBuffer()) as the data itself',
};

/**
 * JSON.stringify, but it throws a TypeError for a value of which nothing would arrive. JSON has the properties of an
 * object alone, and so `{}` for a Map, a Promise, an Error and the like.
 */
export function toJson(data: unknown): string | undefined {
  // Node's own errors have properties, but without the message.
  if (isNativeError(data) && !('toJSON' in data)) refuse('', 'Error');
  const text = JSON.stringify(data);
  // Only such a text can have come from one. To look for it costs little beside the text.
  if (text?.includes('{}')) {
    JSON.stringify(data, (name, value) => {
      checkArrives(name, value);
      return value;
    });
  }
  return text;
}

function checkArrives(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.keys(value).length > 0) return;
  if (Array.isArray(value) || ArrayBuffer.isView(value) || isBoxedPrimitive(value)) return;
  const kind = Object.prototype.toString.call(value).slice('[object '.length, -1);
  if (kind !== 'Object') refuse(name, kind);
}

function refuse(name: string, kind: string): never {
  const what = name === '' ? kind : `its property '${name}', ${kind},`;
  const instead = INSTEAD[kind] ?? 'an object, a list, a string or bytes';
  throw new TypeError(`${what} would arrive as {}: send ${instead}`);
}

/** Undefined where the text is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
