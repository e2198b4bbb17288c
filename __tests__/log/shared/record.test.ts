import fc from 'fast-check';
import { readRecord } from '../../../lib/log/shared/record.js';
import { parseJson } from '../../../lib/util/json.js';

const FIELDS = Buffer.from('data: x\n');

describe('what an engine holds', () => {
  test('is given as it was stored', () => {
    expect(readRecord({ fields: FIELDS, rooms: undefined, conflate: undefined })).toEqual({
      fields: FIELDS,
      isEphemeral: false,
    });
    const whole = {
      fields: FIELDS,
      rooms: ['a', 'b'],
      conflate: 'k',
      except: 'x',
      isEphemeral: true,
    };
    expect(readRecord(whole)).toEqual(whole);
  });

  test('is for nobody, or what a hub may have stored, whatever it is', () => {
    const anything = fc.oneof(fc.anything(), fc.constant(FIELDS), fc.array(fc.string()));
    fc.assert(
      fc.property(anything, anything, anything, anything, (fields, rooms, conflate, except) => {
        const record = readRecord({ fields, rooms, conflate, except, isEphemeral: except });
        expect(Buffer.isBuffer(record.fields)).toBe(true);
        expect(record.rooms?.every((room) => typeof room === 'string') ?? true).toBe(true);
        expect(['string', 'undefined']).toContain(typeof record.conflate);
        expect(['string', 'undefined']).toContain(typeof record.except);
        expect(['boolean', 'undefined']).toContain(typeof record.isEphemeral);
      }),
    );
  });
});

test('a text is read as JSON, or as nothing', () => {
  expect(parseJson('["a"]')).toEqual(['a']);
  expect(parseJson('["a"')).toBeUndefined();
});
