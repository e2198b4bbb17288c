import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepRunning } from './keep-running.mjs';

const { REDIS_SERVER = 'redis-server' } = process.env;

/** Keeps a Redis running on this port, with its data in a folder of its own. */
export async function startRedis(port) {
  const folder = await mkdtemp(join(tmpdir(), 'express-sse-hub-example-'));
  const args = [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
    // What it has confirmed is there again after it was killed. By default it writes up to two seconds late on a busy disk.
    ...['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''],
  ];
  const redis = keepRunning('Redis', () => {
    // Out of reach of a Ctrl+C in the terminal: the nodes need it until they have stopped.
    const options = { detached: true, stdio: ['ignore', 'pipe', 'inherit'] };
    const child = spawn(REDIS_SERVER, args, options);
    return { child, ready: prints(child.stdout, 'Ready to accept connections') };
  });

  return {
    ready: redis.ready,
    get pid() {
      return redis.pid;
    },
    async stop() {
      await redis.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Resolves when the text has come, and reads on. */
function prints(output, text) {
  let printed = '';
  return new Promise((resolve) => {
    output.setEncoding('utf8').on('data', (chunk) => {
      printed = (printed + chunk).slice(-1000);
      if (printed.includes(text)) resolve();
    });
  });
}
