import { createParser } from 'eventsource-parser';
import { encodeEvent, frameEvent } from '../../../lib/frame.js';
import { Random } from './random.js';
import { type ParsedEvent, WhatwgParser } from './whatwg-parser.js';

type Feed = (chunk: Uint8Array) => void;

/** The parser of undici's EventSource, which is not exported. */
interface UndiciStream {
  _transform(chunk: Buffer, encoding: string, done: (error?: Error | null) => void): void;
}
const { EventSourceStream } = require('undici/lib/web/eventsource/eventsource-stream.js') as {
  EventSourceStream: new (options: {
    eventSourceSettings: { lastEventId: string; origin: string; reconnectionTime: number };
    push(event: { type: string; options: { data: string; lastEventId: string } }): boolean;
  }) => UndiciStream;
};

/** Three parsers that share no code. */
const PARSERS: Readonly<Record<string, (dispatch: (event: ParsedEvent) => void) => Feed>> = {
  'the text of the specification': (dispatch) => {
    const parser = new WhatwgParser(dispatch);
    return (chunk) => parser.feed(chunk);
  },
  'eventsource-parser': (dispatch) => {
    const decoder = new TextDecoder();
    const parser = createParser({
      onEvent: ({ event = 'message', data, id = '' }) => dispatch({ type: event, data, id }),
      onError: (error) => {
        throw error;
      },
    });
    return (chunk) => parser.feed(decoder.decode(chunk, { stream: true }));
  },
  undici: (dispatch) => {
    const parser = new EventSourceStream({
      eventSourceSettings: { lastEventId: '', origin: '', reconnectionTime: 0 },
      push: ({ type, options: { data, lastEventId } }) => {
        dispatch({ type, data, id: lastEventId });
        return true;
      },
    });
    return (chunk) =>
      parser._transform(Buffer.from(chunk), 'buffer', (error) => {
        if (error) throw error;
      });
  },
};

const PIECES = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  '\uFEFF',
  '\uD800',
  '\uDC00',
  ':',
  ' ',
  'data: ',
  'id: 1',
  'event: x',
];
const MOST_BYTES = 10_000_000;

function character(random: Random): string {
  const kind = random.below(8);
  if (kind < 3) return random.one(PIECES);
  if (kind < 5) return String.fromCharCode(32 + random.below(95));
  return String.fromCodePoint(random.below(0x110000));
}

function text(random: Random): string {
  const length = random.below(24);
  return Array.from({ length }, () => character(random)).join('');
}

/** What a client is to get of a text: all line breaks are LF, and what is no Unicode is U+FFFD. */
function expected(data: string): string {
  return Buffer.from(data).toString().replace(/\r\n?/g, '\n');
}

function* chunksOf(bytes: Buffer, most: number, random: Random): Iterable<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const end = at + 1 + random.below(most);
    yield bytes.subarray(at, end);
    at = end;
  }
}

/** Sends random events through all parsers, in chunks of 1 to 3 bytes, and some large ones in larger chunks. */
export async function attackFraming(events: number, large: number): Promise<string> {
  const random = new Random(1);
  let sent: ParsedEvent[] = [];
  let bytes = 0;
  const parsers = Object.entries(PARSERS).map(([name, make]) => {
    const state = { name, next: 0, feed: (() => {}) as Feed };
    state.feed = make((event) => {
      const due = sent[state.next++];
      if (event.type === due?.type && event.data === due.data && event.id === due.id) return;
      throw new Error(`${name} got ${JSON.stringify(event)} for ${JSON.stringify(due)}`);
    });
    return state;
  });
  const pass = (batch: readonly { type: string; data: string }[], most: number) => {
    sent = batch.map(({ type, data }, at) => ({ type, data: expected(data), id: `e.${at}` }));
    const stream = Buffer.concat(
      batch.map(({ type, data }, at) =>
        frameEvent(`e.${at}`, encodeEvent(type, data, undefined, JSON.stringify)),
      ),
    );
    bytes += stream.length;
    for (const parser of parsers) {
      parser.next = 0;
      for (const chunk of chunksOf(stream, most, random)) parser.feed(chunk);
      if (parser.next !== sent.length) throw new Error(`${parser.name} got ${parser.next} events`);
    }
  };
  const BATCH = 500;
  for (let done = 0; done < events; done += BATCH) {
    pass(
      Array.from({ length: BATCH }, () => ({
        type: random.one(['message', 'tick', 'é', ' x', ':']),
        data: text(random),
      })),
      3,
    );
    // The test runner is to see that it lives.
    if (done % 50_000 === 0) await new Promise(setImmediate);
  }
  for (let done = 0; done < large; done++) {
    // (undici takes no event of more than 131 072 lines.)
    const some = text(random) + 'x'.repeat(1000);
    const times = Math.floor((MOST_BYTES * (done + 1)) / large / Buffer.byteLength(some));
    pass([{ type: 'large', data: some.repeat(times) }], 60_000);
  }
  const mb = (bytes / 1e6).toFixed(0);
  return `${events} events and ${large} large ones, ${mb} MB, through 3 parsers: nothing extra, missing or changed`;
}
