import fc from 'fast-check';
import type { StreamInfo } from '../../lib/nats/client.js';
import { decode, describeEpoch, encode, extentOf, isLed } from '../../lib/nats/format.js';

/** A stream that holds the messages 4 to 9. */
function stream(description?: string, created = '2026-01-01T00:00:00.123Z'): StreamInfo {
  return {
    config: description === undefined ? {} : { description },
    created,
    state: { messages: 6, first_seq: 4, last_seq: 9 },
  };
}

describe("a stream's description", () => {
  test('tells which life it is, and where it begins', () => {
    const description = describeEpoch('s', stream(), 9, []);
    expect(description).toBe('(express-sse-hub: life 1 from 9)');
    expect(describeEpoch('s', stream(description), 12, [])).toBe(
      '(express-sse-hub: life 2 from 12)',
    );
    expect(extentOf('s', stream(description))).toMatchObject({ start: 9, trimmedTo: 3, head: 9 });
  });

  test('keeps what somebody else has written there', () => {
    const description = describeEpoch('s', stream('Of the kitchen (since May)'), 9, []);
    expect(description).toBe('Of the kitchen (since May) (express-sse-hub: life 1 from 9)');
    expect(describeEpoch('s', stream(description), 12, [])).toBe(
      'Of the kitchen (since May) (express-sse-hub: life 2 from 12)',
    );
  });

  test.each(['9'.repeat(400), '9007199254740993', '1'.repeat(16)])(
    'with a number that nobody can count on from, %s, is that of somebody else',
    (number) => {
      const foreign = stream(`(express-sse-hub: life ${number} from ${number})`);
      const { epoch, start } = extentOf('s', foreign);
      expect({ epoch, start }).toEqual({ epoch: extentOf('s', stream()).epoch, start: 0 });
      const next = describeEpoch('s', foreign, 9, [epoch]);
      expect(next).toMatch(/ \(express-sse-hub: life 1 from 9\)$/);
    },
  );

  test('names none of the lives that are over, also where the stream has gone back to an older one', () => {
    const lives = [1, 2, 3].map((life) => stream(`(express-sse-hub: life ${life} from 9)`));
    const over = lives.map((life) => extentOf('s', life).epoch);
    expect(describeEpoch('s', stream(), 9, over)).toBe('(express-sse-hub: life 4 from 9)');
    expect(describeEpoch('s', stream(), 9, over.slice(1))).toBe('(express-sse-hub: life 1 from 9)');
  });
});

describe('an epoch', () => {
  const { epoch } = extentOf('s', stream());

  test('is the same however the stream grows, is trimmed, or is described', () => {
    const later = {
      ...stream('Of the kitchen'),
      state: { messages: 1, first_seq: 20, last_seq: 20 },
    };
    expect(extentOf('s', later).epoch).toBe(epoch);
  });

  test('is another one in another epoch, for another birth, and for another stream', () => {
    const others = [
      extentOf('s', stream(describeEpoch('s', stream(), 9, []))),
      extentOf('s', stream(undefined, '2026-01-01T00:00:00.124Z')),
      extentOf('t', stream()),
    ];
    expect(new Set([epoch, ...others.map((other) => other.epoch)]).size).toBe(4);
  });

  test('makes event ids', () => {
    expect(epoch).toMatch(/^[A-Za-z0-9_-]{8}$/);
  });
});

test.each([
  ['alone', undefined, true],
  ['with a leader', { leader: 'a' }, true],
  ['without a leader', {}, false],
  ['whose leader has no name', { leader: '' }, false],
])('a server %s: knows all that is stored, or not', (_what, cluster, knows) => {
  const info = stream();
  expect(isLed(cluster === undefined ? info : { ...info, cluster })).toBe(knows);
});

describe('a message', () => {
  test('gives back the event that was put into it', () => {
    const event = { fields: Buffer.from('data: a\n\n{}'), rooms: ['r'], conflate: 'k' };
    const record = { ...event, except: 'x', isEphemeral: true };
    expect(decode({ seq: 1, data: encode(record, 'tag') })).toEqual({ ...record, tag: 'tag' });
  });

  test.each(['', 'hi', 'hi\nthere', '{}', '{}\n', '7\n', 'null\n', '{"w":7}\ndata: x\n'])(
    'of somebody else, %j, is an event for nobody',
    (text) => {
      expect(decode({ seq: 1, data: Buffer.from(text) })).toMatchObject({ tag: '', rooms: [] });
    },
  );

  test.each(['{"w":"x","r":7}', '{"w":"x","r":null}', '{"w":"x","r":["a",7]}', '{"w":"x","k":{}}'])(
    'that looks like a hub’s, %s, is one for nobody as well',
    (head) => {
      const message = decode({ seq: 1, data: Buffer.from(`${head}\ndata: x\n`) });
      expect(message).toMatchObject({ tag: 'x', rooms: [], fields: Buffer.alloc(0) });
    },
  );

  test('of any bytes is an event for nobody, or one that a hub may have stored', () => {
    const head = fc.constantFrom('', '{"w":"x"}\n', '{"w":"x","r":', '{"w":"x","k":', '{"w":');
    const rest = fc.oneof(
      fc.uint8Array(),
      fc.json().map((text) => Buffer.from(`${text}}\nx`)),
    );
    fc.assert(
      fc.property(head, rest, (start, bytes) => {
        const { tag, fields, rooms, conflate } = decode({
          seq: 1,
          data: Buffer.concat([Buffer.from(start), bytes]),
        });
        expect(typeof tag).toBe('string');
        expect(Buffer.isBuffer(fields)).toBe(true);
        expect(rooms?.every((room) => typeof room === 'string') ?? true).toBe(true);
        expect(['string', 'undefined']).toContain(typeof conflate);
      }),
    );
  });
});
