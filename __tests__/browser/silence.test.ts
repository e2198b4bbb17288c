import { Silence } from '../../lib/browser/connection/silence.js';

describe('the silence of a stream', () => {
  const over = jest.fn();
  let silence: Silence;

  beforeEach(() => {
    jest.useFakeTimers();
    over.mockClear();
    silence = new Silence(over);
  });

  afterEach(() => {
    silence.rest();
    jest.useRealTimers();
  });

  test('is over once, after as long as was announced', () => {
    silence.expect(30_000);
    jest.advanceTimersByTime(29_999);
    expect(over).not.toHaveBeenCalled();
    jest.advanceTimersByTime(10_000);
    expect(over).toHaveBeenCalledTimes(1);
  });

  test('begins anew with whatever comes', () => {
    silence.expect(30_000);
    for (let seconds = 0; seconds < 100; seconds++) {
      silence.heard();
      jest.advanceTimersByTime(1000);
    }
    expect(over).not.toHaveBeenCalled();
  });

  test('is over soon after a sleep, in which timers stood still', () => {
    silence.expect(30_000);
    jest.advanceTimersByTime(1000);
    jest.setSystemTime(Date.now() + 3_600_000);
    jest.advanceTimersByTime(7501);
    expect(over).toHaveBeenCalledTimes(1);
  });

  test('is over at once where somebody looks', () => {
    silence.expect(30_000);
    jest.setSystemTime(Date.now() + 3_600_000);
    silence.look();
    jest.advanceTimersByTime(1);
    expect(over).toHaveBeenCalledTimes(1);
  });

  test('is none where something has come while this process was blocked', () => {
    silence.expect(30_000);
    jest.setSystemTime(Date.now() + 60_000);
    silence.look();
    silence.heard();
    jest.advanceTimersByTime(29_000);
    expect(over).not.toHaveBeenCalled();
  });

  test('does not count while nothing is expected', () => {
    silence.expect(30_000);
    silence.rest();
    jest.advanceTimersByTime(100_000);
    silence.look();
    silence.expect(Number.POSITIVE_INFINITY);
    jest.advanceTimersByTime(100_000);
    expect(over).not.toHaveBeenCalled();
  });

  test('is shorter for a head that does not come', () => {
    silence.begin();
    jest.advanceTimersByTime(30_001);
    expect(over).toHaveBeenCalledTimes(1);
  });
});
