// Redis and NATS, each with its data in a folder of its own, which goes when it ends.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpuOf } from '../proc.mjs';
import { listen } from '../targets/listen.mjs';

/** Debian keeps it out of the way of those who are not root. */
const NATS_SERVER = '/usr/sbin/nats-server';

const kinds = {
  redis: {
    program: () => process.env.REDIS_SERVER ?? 'redis-server',
    args: (port, folder) => [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', ''],
      ...['--appendonly', 'yes', '--appendfsync', 'everysec'],
      // It would come in some runs, and not in others.
      ...['--auto-aof-rewrite-percentage', '0'],
    ],
    isReady: 'Ready to accept connections',
  },
  nats: {
    program: () =>
      process.env.NATS_SERVER ?? (existsSync(NATS_SERVER) ? NATS_SERVER : 'nats-server'),
    args: (port, folder) => ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', folder],
    isReady: 'Server is ready',
  },
};

/** The versions of all that are run here. */
export function engineVersions() {
  return Object.fromEntries(
    ['redis', 'nats'].map((kind) => {
      const program = kinds[kind].program();
      const output = execFileSync(program, ['--version'], { encoding: 'utf8' });
      return [`${kind}-server`, /\d+\.\d+\.\d+/.exec(output)[0]];
    }),
  );
}

/** Resolves when it takes commands. */
export async function startEngine(kind) {
  const { program, args, isReady } = kinds[kind];
  const folder = mkdtempSync(join(tmpdir(), 'bench-logs-'));
  const guard = guardOf(folder);
  const port = await freePort();
  const child = spawn(program(), args(port, folder), { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  const stop = async () => {
    await guard.end();
    await ended.catch(() => {});
  };
  try {
    if (child.pid) guard.watch(child.pid);
    await Promise.race([
      printed(child, isReady),
      ended.then(() => Promise.reject(new Error(`${program()} ended at once`))),
    ]);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    kind,
    folder,
    url: `${kind}://127.0.0.1:${port}`,
    cpu: () => cpuOf(child.pid),
    stop,
  };
}

/**
 * Ends a process and deletes a folder when the pipe to this process is closed: that happens however
 * this process ends.
 */
function guardOf(folder) {
  const script =
    'read -r pid; read -r _; [ -z "$pid" ] || kill -s KILL "$pid"; sleep 0.1; rm -rf "$1"';
  // Out of reach of a Ctrl-C in the terminal.
  const options = { stdio: ['pipe', 'ignore', 'ignore'], detached: true };
  const guard = spawn('sh', ['-c', script, 'sh', folder], options);
  const ended = once(guard, 'exit');
  return {
    watch: (pid) => guard.stdin.write(`${pid}\n`),
    async end() {
      guard.stdin.end();
      await ended;
    },
  };
}

/** Resolves when the text has come, and reads on. */
function printed(child, text) {
  let output = '';
  return new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        output = (output + chunk).slice(-10_000);
        if (output.includes(text)) resolve();
      });
    }
  });
}

async function freePort() {
  const { server, port } = await listen(createServer());
  server.close();
  await once(server, 'close');
  return port;
}
