import { attackWithChurn } from './support/attacks/churn.js';
import { attackFraming } from './support/attacks/framing.js';
import { attackWithOverload } from './support/attacks/overload.js';
import { attackWithRequests } from './support/attacks/requests.js';
import { attackWithRooms } from './support/attacks/rooms.js';
import { attackWithSlowReaders } from './support/attacks/slow-readers.js';
import { attackWithUserCode } from './support/attacks/user-code.js';

// The same attacks, many times as long: soak/attacks.soak.ts. Jest fails a test during which an exception goes
// uncaught or a rejection unhandled.

test.each<[string, () => Promise<string>]>([
  ['framing can not be broken', () => attackFraming(5000, 1)],
  ['bad requests do no harm', () => attackWithRequests(400)],
  ['a slow reader harms nobody', () => attackWithSlowReaders(60, 6, { measures: false })],
  ['churn leaves nothing', () => attackWithChurn(100, 2)],
  ["the user's code can not bring it down", () => attackWithUserCode(1)],
  ['overload is refused', () => attackWithOverload(1)],
  ['nothing leaks between users', () => attackWithRooms(2000)],
])('%s', async (_promise, attack) => {
  expect(await attack()).not.toBe('');
});
