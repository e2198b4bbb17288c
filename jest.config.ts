import { availableParallelism } from 'node:os';
import type { Config } from 'jest';

const config: Config = {
  testEnvironment: 'node',
  roots: ['<rootDir>/__tests__'],
  testMatch: ['**/*.test.ts'],
  transform: { '^.+\\.ts$': 'ts-jest' },
  // The sources name each other as `./hub.js`, as Node's ESM loader wants it.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  setupFilesAfterEnv: ['<rootDir>/__tests__/support/setup.ts'],
  // Far more than any of them takes, for machines that are busy with something else as well.
  testTimeout: 120_000,
  // They wait for servers and browsers more than they compute.
  maxWorkers: 2 * availableParallelism(),
  testSequencer: '<rootDir>/__tests__/support/sequencer.cjs',
};

export default config;
