import { NewestPlace } from '../../../lib/log/shared/place.js';

const at = (epoch: string, sequence: number) => ({ epoch, sequence, tag: `${epoch}${sequence}` });

function learned(...places: ReturnType<typeof at>[]) {
  const newest = new NewestPlace();
  for (const place of places) newest.learn(place);
  return newest.known;
}

test('nothing is known at first', () => {
  expect(learned()).toBeUndefined();
});

test('the newest entry of an epoch counts, in whatever order they are heard of', () => {
  expect(learned(at('a', 2), at('a', 5), at('a', 3))).toEqual({ ...at('a', 5), former: [] });
});

test('a new epoch replaces the one before, which is remembered as over', () => {
  expect(learned(at('a', 5), at('b', 1), at('c', 2))).toEqual({
    ...at('c', 2),
    former: ['a', 'b'],
  });
});

test('a late word of an epoch that is over changes nothing', () => {
  expect(learned(at('a', 5), at('b', 1), at('a', 9))).toEqual({ ...at('b', 1), former: ['a'] });
});

test('the sixteen epochs that ended last are remembered', () => {
  const epochs = Array.from({ length: 20 }, (_, index) => `e${index}`);
  const known = learned(...epochs.map((epoch) => at(epoch, 1)));
  expect(known?.former).toEqual(epochs.slice(3, 19));
});
