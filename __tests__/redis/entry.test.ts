import fc from 'fast-check';
import { type RawEntry, readEntry } from '../../lib/redis/entry.js';

const name = fc.constantFrom('e', 'w', 't', 'd', 'h', 'r', 'k', '', 'x');
const value = fc.oneof(
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => Buffer.from(text)),
);

test('an entry of any fields is for nobody, or what a hub may have stored', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), (pairs) => {
      const parts = pairs.flatMap(([key, bytes]) => [Buffer.from(key), bytes]);
      const { fields, rooms, conflate, sequence } = readEntry([
        Buffer.from('7-0'),
        parts,
      ] as RawEntry);
      expect(sequence).toBe(7);
      expect(Buffer.isBuffer(fields)).toBe(true);
      expect(rooms?.every((room) => typeof room === 'string') ?? true).toBe(true);
      expect(['string', 'undefined']).toContain(typeof conflate);
    }),
  );
});
