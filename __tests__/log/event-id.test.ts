import fc from 'fast-check';
import { formatEventId, MAX_ID_LENGTH, parseEventId } from '../../lib/log/event-id.js';
import type { LogFollower } from '../../lib/log/log.js';
import { memoryLog } from '../../lib/log/memory.js';

const epochs = fc.stringMatching(/^[A-Za-z0-9_~-]{1,40}$/);
const sequences = fc.maxSafeNat();

test('an event id reads back as what it was made of', () => {
  fc.assert(
    fc.property(epochs, sequences, (epoch, sequence) => {
      expect(parseEventId(formatEventId(epoch, sequence))).toEqual({ epoch, sequence });
    }),
  );
  for (const sequence of [0, 1, Number.MAX_SAFE_INTEGER]) {
    expect(parseEventId(formatEventId('a', sequence))).toEqual({ epoch: 'a', sequence });
  }
});

test('an event id is short, and made of characters that every client and proxy lets through', () => {
  expect(MAX_ID_LENGTH).toBe(64);
  fc.assert(
    fc.property(epochs, sequences, (epoch, sequence) => {
      expect(formatEventId(epoch, sequence)).toMatch(/^[A-Za-z0-9._~-]{1,64}$/);
    }),
  );
});

test('no two places have the same id', () => {
  fc.assert(
    fc.property(epochs, sequences, epochs, sequences, (epoch, sequence, other, otherSequence) => {
      fc.pre(epoch !== other || sequence !== otherSequence);
      expect(formatEventId(epoch, sequence)).not.toBe(formatEventId(other, otherSequence));
    }),
  );
});

test.each([
  ['nothing in it', ''],
  ['no epoch', '.1'],
  ['no sequence', 'a.'],
  ['no dot', 'a1'],
  ['two dots', 'a.b.1'],
  ['a negative sequence', 'a.-1'],
  ['a signed sequence', 'a.+1'],
  ['an exponent', 'a.1e3'],
  ['a fraction', 'a.1.5'],
  ['a sequence in another base', 'a.0x1'],
  ['a sequence with a leading zero', 'a.01'],
  ['a sequence beyond the safe integers', 'a.9007199254740992'],
  ['a sequence of too many digits', 'a.10000000000000000'],
  ['digits of another script', 'a.\u0661'],
  ['an epoch of more than 40 characters', `${'a'.repeat(41)}.1`],
  ['an epoch of other characters', 'a b.1'],
  ['an epoch of another script', 'ä.1'],
  ['a space before it', ' a.1'],
  ['a space behind it', 'a.1 '],
  ['a line break behind it', 'a.1\n'],
  ['a NUL in it', 'a\0.1'],
])('text with %s is no event id', (_what, text) => {
  expect(parseEventId(text)).toBeUndefined();
});

test('any text is either no event id or exactly one that was made', () => {
  const almost = fc.string({ unit: fc.constantFrom(...'a0195.-~_ \n+eé'), maxLength: 12 });
  fc.assert(
    fc.property(fc.oneof(almost, fc.string({ unit: 'binary' })), (text) => {
      const id = parseEventId(text);
      if (id !== undefined) expect(formatEventId(id.epoch, id.sequence)).toBe(text);
    }),
    { numRuns: 1000 },
  );
});

test('a log draws an epoch that makes event ids, and each log another one', () => {
  const drawn = Array.from({ length: 1000 }, () => {
    let begun: string | undefined;
    const follower: LogFollower = {
      begin(epoch) {
        begun = epoch;
      },
      entry() {},
      async ready() {},
      connected() {},
      disconnected() {},
    };
    memoryLog().follow(follower);
    return begun as string;
  });
  expect(new Set(drawn).size).toBe(drawn.length);
  for (const epoch of drawn) {
    expect(parseEventId(formatEventId(epoch, 1))).toEqual({ epoch, sequence: 1 });
  }
});
