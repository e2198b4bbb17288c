import fc from 'fast-check';
import { parseJson, readRecord } from '../../../lib/log/shared/record.js';

const FIELDS = Buffer.from('data: x\n');

describe('what an engine holds', () => {
  test('is given as it was stored', () => {
    expect(readRecord(FIELDS, undefined, undefined)).toEqual({ fields: FIELDS });
    const whole = { fields: FIELDS, rooms: ['a', 'b'], conflate: 'k' };
    expect(readRecord(FIELDS, whole.rooms, whole.conflate)).toEqual(whole);
  });

  test('is for nobody, or what a hub may have stored, whatever it is', () => {
    const anything = fc.oneof(fc.anything(), fc.constant(FIELDS), fc.array(fc.string()));
    fc.assert(
      fc.property(anything, anything, anything, (fields, rooms, conflate) => {
        const record = readRecord(fields, rooms, conflate);
        expect(Buffer.isBuffer(record.fields)).toBe(true);
        expect(record.rooms?.every((room) => typeof room === 'string') ?? true).toBe(true);
        expect(['string', 'undefined']).toContain(typeof record.conflate);
      }),
    );
  });
});

test('a text is read as JSON, or as nothing', () => {
  expect(parseJson('["a"]')).toEqual(['a']);
  expect(parseJson('["a"')).toBeUndefined();
});
