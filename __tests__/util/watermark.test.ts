import { Watermark } from '../../lib/util/watermark.js';

/** A watermark, and what its callbacks said: the position each waited for, and a reason if there was one. */
function watched(...positions: number[]) {
  const watermark = new Watermark();
  const said: unknown[] = [];
  const wait = (position: number) =>
    watermark.when(position, (reason) => said.push(reason === undefined ? position : reason));
  positions.forEach(wait);
  return { watermark, said, wait };
}

test('a callback runs when its position is reached, and not before', () => {
  const { watermark, said } = watched(2, 3, 5);
  watermark.advance(1);
  expect(said).toEqual([]);
  watermark.advance(3);
  expect(said).toEqual([2, 3]);
  expect(watermark).toMatchObject({ position: 3, size: 1 });
});

test('a callback for a position that is reached already runs at the next advance', () => {
  const { watermark, said, wait } = watched();
  watermark.advance(3);
  wait(2);
  expect(said).toEqual([]);
  watermark.advance(3);
  expect(said).toEqual([2]);
});

test('the callbacks run in the order in which they were added', () => {
  const { watermark, said } = watched(5, 2);
  watermark.advance(2);
  expect(said).toEqual([]);
  watermark.advance(5);
  expect(said).toEqual([5, 2]);
});

test('a callback that adds another does not keep an advance going', () => {
  const watermark = new Watermark();
  let calls = 0;
  const again = () => {
    calls++;
    watermark.when(0, again);
  };
  again();
  watermark.advance(1);
  expect(calls).toBe(2);
});

test('a restart runs all callbacks, with the reason, and begins at its position', () => {
  const { watermark, said } = watched(5, 7);
  watermark.restart(2, 'reset');
  expect(said).toEqual(['reset', 'reset']);
  expect(watermark).toMatchObject({ position: 2, size: 0 });
});
