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

  caughtUp = () => Promise.resolve();

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
  async function pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 250) {
      leases.alive('busy');
      await jest.advanceTimersByTimeAsync(250);
    }
  }

  test('lasts through a silence of three seconds, and ends within five', async () => {
    await pass(3500);
    expect(host.lost).toEqual([]);
    leases.alive('quiet');
    await pass(3500);
    expect(host.lost).toEqual([]);
    await pass(1000);
    expect(host.lost).toEqual(['quiet']);
  });

  test('is not held against others while this process cannot hear them', async () => {
    await pass(3500);
    leases.listen(false);
    await pass(60_000);
    leases.listen(true);
    await pass(3500);
    expect(host.lost).toEqual([]);
    // The log says so again and again.
    leases.listen(true);
    await pass(1000);
    expect(host.lost).toEqual(['quiet']);
  });

  test('is not held against others while the log stands still, or cannot be asked', async () => {
    await pass(3500);
    let answer = () => {};
    host.caughtUp = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    await pass(60_000);
    host.caughtUp = () => Promise.reject(new Error('unreachable'));
    answer();
    await pass(60_000);
    expect(host.lost).toEqual([]);
    host.caughtUp = () => Promise.resolve();
    await pass(1000);
    expect(host.lost).toEqual(['quiet']);
  });

  test('is not held against others when this process was blocked', async () => {
    await pass(250);
    const now = performance.now.bind(performance);
    jest.spyOn(performance, 'now').mockImplementation(() => now() + 60_000);
    await pass(3000);
    expect(host.lost).toEqual([]);
    await pass(1000);
    expect(host.lost).toEqual(['quiet']);
  });

  test('is renewed while answers run here, and only then', async () => {
    await pass(5000);
    expect(host.renewals).toBe(0);
    host.isProducing = () => true;
    await pass(5000);
    expect(host.renewals).toBe(10);
  });
});
