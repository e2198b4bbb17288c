import { type Wait, Watchdog } from '../../lib/delivery/watchdog.js';

const TIMEOUT = 5000;
const CHECK = TIMEOUT / 50;

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

function watch(isBlocked = true) {
  const state = { isBlocked };
  const watchdog = new Watchdog(
    TIMEOUT,
    () => state.isBlocked,
    () => new Error('nothing moved'),
  );
  const begin = (): Wait => {
    const wait = watchdog.enter();
    watchdog.start();
    return wait;
  };
  return { watchdog, state, begin };
}

test('a wait ends when nothing has moved for the whole time-out', () => {
  const { begin } = watch();
  const wait = begin();
  jest.advanceTimersByTime(TIMEOUT);
  expect(wait.signal.aborted).toBe(false);
  jest.advanceTimersByTime(CHECK);
  expect(wait.signal.reason).toEqual(new Error('nothing moved'));
});

test('the reason is passed on right before the signal aborts', () => {
  const { begin } = watch();
  const wait = begin();
  const order: unknown[] = [];
  wait.giveUp = (reason) => order.push(reason, wait.signal.aborted);
  wait.signal.addEventListener('abort', () => order.push('aborted'));
  jest.advanceTimersByTime(TIMEOUT + CHECK);
  expect(order).toEqual([new Error('nothing moved'), false, 'aborted']);
});

test('a wait goes on as long as something moves, however slowly', () => {
  const { watchdog, begin } = watch();
  const wait = begin();
  for (let round = 0; round < 5; round++) {
    jest.advanceTimersByTime(TIMEOUT - CHECK);
    watchdog.moved();
  }
  expect(wait.signal.aborted).toBe(false);
});

test('a wait that began later is not ended with the older ones', () => {
  const { begin } = watch();
  const [first, second] = [begin(), begin()];
  jest.advanceTimersByTime(2 * CHECK);
  const later = begin();
  jest.advanceTimersByTime(TIMEOUT - CHECK);
  expect([first, second, later].map(({ signal }) => signal.aborted)).toEqual([true, true, false]);
  jest.advanceTimersByTime(2 * CHECK);
  expect(later.signal.aborted).toBe(true);
});

test('nothing ends while the waits are not due to what is watched', () => {
  const { state, begin } = watch(false);
  const wait = begin();
  jest.advanceTimersByTime(10 * TIMEOUT);
  expect(wait.signal.aborted).toBe(false);
  state.isBlocked = true;
  jest.advanceTimersByTime(TIMEOUT);
  expect(wait.signal.aborted).toBe(true);
});

test('an event loop that stood still counts as one check', () => {
  const { begin } = watch();
  const wait = begin();
  // setInterval calls once for all the periods that it has missed.
  jest.setSystemTime(Date.now() + 10 * TIMEOUT);
  jest.advanceTimersToNextTimer();
  expect(wait.signal.aborted).toBe(false);
});

test('the timer rests when nothing waits any more', () => {
  const { watchdog, begin } = watch();
  const wait = begin();
  watchdog.leave(wait);
  jest.advanceTimersByTime(CHECK);
  expect(jest.getTimerCount()).toBe(0);
  expect(wait.signal.aborted).toBe(false);
});
