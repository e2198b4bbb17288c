import type { Log } from '../../lib/log/log.js';
import { memoryLog } from '../../lib/log/memory.js';
import { sharedLog } from '../../lib/log/shared/shared-log.js';
import { logContract } from '../support/log-contract.js';
import { MemoryServer } from '../support/memory-engine.js';
import { RecordingFollower } from '../support/recording-follower.js';

describe('a log in memory', () => {
  logContract({ open: async () => memoryLog() });

  test('has another epoch than all others', () => {
    const epochs = Array.from({ length: 100 }, () => {
      const follower = new RecordingFollower();
      memoryLog().follow(follower);
      return follower.run?.epoch;
    });
    expect(new Set(epochs).size).toBe(100);
  });
});

describe('a log over an engine in memory', () => {
  let server: MemoryServer;
  beforeEach(() => {
    server = new MemoryServer();
  });

  logContract({
    open: async ({ history, direct } = {}): Promise<Log> =>
      sharedLog(server.engine(history as { events?: number; age?: number }, direct)),
    engine: {
      get proxy() {
        return server.link;
      },
      lose: async () => server.lose(),
      refuse: async () => {
        server.isFull = true;
        return { fields: Buffer.from('data: refused\n') };
      },
      accept: async () => {
        server.isFull = false;
      },
    },
  });
});
