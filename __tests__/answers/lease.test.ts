import { type LeaseHost, Leases } from '../../lib/answers/lease.js';

/** Two processes with answers, as a third one sees them. */
class Host implements LeaseHost {
  readonly lost: string[] = [];
  renewals = 0;
  isProducing = () => false;

  *producers() {
    yield* ['quiet', 'busy'];
  }

  renew() {
    this.renewals++;
  }

  gone(producer: string) {
    if (!this.lost.includes(producer)) this.lost.push(producer);
  }
}

describe('a lease', () => {
  let host: Host;
  let leases: Leases;

  beforeEach(() => {
    jest.useFakeTimers();
    host = new Host();
    leases = new Leases(host);
  });

  afterEach(() => {
    leases.close();
    jest.useRealTimers();
  });

  /** Time passes, in which one process is heard. */
  function pass(ms: number): void {
    for (let passed = 0; passed < ms; passed += 250) {
      leases.alive('busy');
      jest.advanceTimersByTime(250);
    }
  }

  test('lasts through a silence of three seconds, and ends within five', () => {
    pass(3500);
    expect(host.lost).toEqual([]);
    leases.alive('quiet');
    pass(3500);
    expect(host.lost).toEqual([]);
    pass(1000);
    expect(host.lost).toEqual(['quiet']);
  });

  test('is not held against others while this process cannot hear them', () => {
    pass(3500);
    leases.listen(false);
    pass(60_000);
    leases.listen(true);
    pass(3500);
    expect(host.lost).toEqual([]);
    // The log says so again and again.
    leases.listen(true);
    pass(1000);
    expect(host.lost).toEqual(['quiet']);
  });

  test('is not held against others when this process was blocked', () => {
    pass(250);
    const now = performance.now.bind(performance);
    jest.spyOn(performance, 'now').mockImplementation(() => now() + 60_000);
    pass(3000);
    expect(host.lost).toEqual([]);
    pass(1000);
    expect(host.lost).toEqual(['quiet']);
  });

  test('is renewed while answers run here, and only then', () => {
    pass(5000);
    expect(host.renewals).toBe(0);
    host.isProducing = () => true;
    pass(5000);
    expect(host.renewals).toBe(10);
  });
});
