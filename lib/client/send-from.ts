import { once } from 'node:events';
import { quote } from '../errors.js';
import { asBytes } from '../frame.js';
import { ByteText } from './byte-text.js';

/** The client that a source is sent to, as far as the source is concerned. */
export interface Recipient {
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /** Whether the client is gone, or its stream is about to end. */
  readonly isLeaving: boolean;
}

/**
 * Sends all values of an iterable, the next one when the one before is sent. Once the recipient
 * leaves, the iterator's `return` is called. Rejects with what the iterable, or `send`, throws.
 */
export async function sendFrom(
  source: unknown,
  recipient: Recipient,
  send: (value: unknown) => Promise<void>,
): Promise<void> {
  const iterator = iterate(source);
  let isReturned = false;
  const end = () => {
    if (isReturned) return;
    isReturned = true;
    // Not waited for: a generator that is waiting itself ends only when that is over.
    void Promise.resolve(iterator.return?.()).catch(() => {});
  };
  const bytes = new ByteText();
  const pump = async () => {
    for (;;) {
      const { done, value } = checkResult(await iterator.next());
      try {
        for (const event of eventsOf(bytes, value, done)) await send(event);
      } catch (error) {
        await iterator.return?.();
        throw error;
      }
      if (done === true) return;
      if (recipient.isLeaving) return end();
    }
  };
  const over = new AbortController();
  const watch = async () => {
    await once(recipient.signal, 'abort', { signal: over.signal });
    end();
  };
  try {
    await (recipient.isLeaving ? end() : Promise.race([pump(), watch()]));
  } finally {
    over.abort();
  }
}

/** What is to be sent for a value. Bytes are the text of one stream, as far as no other value is between them. */
function eventsOf(bytes: ByteText, value: unknown, isDone: boolean | undefined): unknown[] {
  const chunk = isDone ? undefined : asBytes(value);
  if (chunk !== undefined) {
    const text = bytes.take(chunk);
    return text === '' ? [] : [text];
  }
  const rest = bytes.end();
  return [...(rest === '' ? [] : [rest]), ...(isDone ? [] : [value])];
}

/** `for await` does the same: https://tc39.es/ecma262/#sec-iteratornext */
function checkResult<Result>(result: Result): Result {
  if (typeof result === 'object' && result !== null) return result;
  throw new TypeError(`sendFrom source: next() gave ${quote(result)}, and must give an object`);
}

function iterate(source: unknown): AsyncIterator<unknown> | Iterator<unknown> {
  if (typeof source === 'object' && source !== null) {
    if (Symbol.asyncIterator in source)
      return (source as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    if (Symbol.iterator in source) return (source as Iterable<unknown>)[Symbol.iterator]();
  }
  throw new TypeError(`sendFrom source ${quote(source)}: must be an iterable or async iterable`);
}
