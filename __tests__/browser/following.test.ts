import { Following } from '../../lib/browser/share/following.js';
import type { Word } from '../../lib/browser/share/words.js';
import type { Step } from '../../lib/browser/stream/step.js';
import { range } from '../support/range.js';

const step = (place: string, data = place): Step => ({
  event: ['order', data],
  place,
  state: 'live',
});

/** What a leader says: steps with these places, after so many others. */
function word(count: number, place: string, ...steps: readonly Step[]): Word {
  return {
    ...{ from: 'a', term: 1, count, place, state: 'live', steps },
    ...{ isHidden: false, isLast: false },
  };
}

/** What is left to take. */
function rest(following: Following): string[] {
  const places: string[] = [];
  for (let next = following.next(); next !== undefined; next = following.next()) {
    places.push(next.event?.[1] ?? next.state);
  }
  return places;
}

function follow(...words: readonly Word[]): Following {
  const following = new Following(words[0] as Word);
  for (const one of words) following.add(one);
  return following;
}

test('goes on behind the place that a member is at', () => {
  const following = follow(word(7, 'e.1', step('e.2'), step('e.3')), word(9, 'e.3', step('e.4')));
  expect(following.meet('e.2')).toBe(true);
  expect(rest(following)).toEqual(['e.3', 'e.4']);
});

test('goes on with all of it where a member is where the leader began', () => {
  const following = follow(word(7, 'e.1', step('e.2')));
  expect(following.meet('e.1')).toBe(true);
  expect(rest(following)).toEqual(['e.2']);
});

test('goes on behind all that came at one place: events without an id move nobody', () => {
  const following = follow(word(0, 'e.1', step('e.2'), step('e.2', 'typing'), step('e.3')));
  expect(following.meet('e.2')).toBe(true);
  expect(rest(following)).toEqual(['e.3']);
});

test('goes on in the next epoch, and knows ids of other servers by their being the same', () => {
  const following = follow(word(0, 'e.8', step('f.1'), step('seven'), step('f.2')));
  expect(following.meet('g.1')).toBe(false);
  expect(following.meet('eight')).toBe(false);
  expect(following.meet('seven')).toBe(true);
  expect(rest(following)).toEqual(['f.2']);
  const other = follow(word(0, 'e.8', step('f.1')));
  expect(other.meet('e.9')).toBe(true);
  expect(rest(other)).toEqual(['f.1']);
});

test('knows of no other place, and loses nothing meanwhile', () => {
  const following = follow(word(0, 'e.1', step('e.2')));
  expect(following.meet('e.0')).toBe(false);
  expect(rest(following)).toEqual(['e.2']);
});

test('says so where words were lost, and begins anew there', () => {
  const following = follow(word(0, 'e.1', step('e.2')));
  expect(following.add(word(3, 'e.4', step('e.5')))).toBe(false);
  expect(following.meet('e.2')).toBe(false);
  expect(following.meet('e.4')).toBe(true);
  expect(rest(following)).toEqual(['e.5']);
});

test.each([
  ['1000 steps', 1000, 'x'],
  ['a million characters', 10, 'x'.repeat(100_000)],
])('keeps no more than %s, and says so where it has let some go', (_bound, most, text) => {
  const following = follow(word(0, 'e.0', ...range(most).map((n) => step(`e.${n + 1}`, text))));
  expect(following.add(word(most, `e.${most}`, step('e.last', text)))).toBe(false);
  expect(following.meet('e.0')).toBe(false);
  expect(following.meet('e.1')).toBe(true);
  expect(rest(following)).toHaveLength(most);
});
