import { type ChildProcess, execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withTimeLimit } from '../../../lib/util/time-limit.js';
import { freePorts } from '../free-ports.js';

const run = promisify(execFile);

/** How long each step may take, in ms. */
const LIMIT = 90_000;

/** A few processes on one port, and a way to restart them one after the other. */
export interface Deployment {
  readonly port: number;
  /** Resolves when all processes are new ones. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export type Deploy = (env: NodeJS.ProcessEnv) => Promise<Deployment>;

/** Under node:cluster, with this signal. Its primary does something else after each, for so long, in ms. */
export function nodeCluster(signal: NodeJS.Signals, busy = 0): Deploy {
  return async (env) => {
    const [port] = (await freePorts(1)) as [number];
    const primary: ChildProcess = fork(join(__dirname, 'cluster.mjs'), {
      env: { ...process.env, ...env, PORT: String(port), BUSY: String(busy) },
      execArgv: [],
    });
    await withTimeLimit(once(primary, 'message'), LIMIT, 'the start');
    return {
      port,
      async restart() {
        primary.send(signal);
        const [{ codes }] = (await withTimeLimit(once(primary, 'message'), LIMIT, 'a restart')) as [
          { codes: number[] },
        ];
        if (codes.some((code) => code !== 0)) throw new Error(`processes ended with ${codes}`);
      },
      async stop() {
        primary.disconnect();
        await withTimeLimit(once(primary, 'exit'), LIMIT, 'the end');
      },
    };
  };
}

/** Under PM2 in its cluster mode, with a daemon of its own. */
export function pm2(signal: NodeJS.Signals): Deploy {
  return async (given) => {
    const [port] = (await freePorts(1)) as [number];
    const home = mkdtempSync(join(tmpdir(), 'pm2-'));
    const app = {
      ...{ name: 'deploy', script: join(__dirname, 'server.mjs'), exec_mode: 'cluster' },
      ...{ instances: 3, kill_timeout: 15_000, autorestart: false },
      // By default, PM2 stops the old processes after 3 s, whether the new ones listen or not.
      ...{ wait_ready: true, listen_timeout: 60_000 },
    };
    const config = join(home, 'ecosystem.config.json');
    writeFileSync(config, JSON.stringify({ apps: [app] }));
    const env = {
      ...{ ...process.env, ...given, PORT: String(port), PM2_HOME: home },
      ...{ PM2_KILL_SIGNAL: signal, PM2_DISABLE_VERSION_CHECK: 'true' },
    };
    const command = join(__dirname, '../../../node_modules/pm2/bin/pm2');
    const pm2 = (...args: string[]) =>
      withTimeLimit(run(process.execPath, [command, ...args], { env }), LIMIT, `pm2 ${args[0]}`);
    await pm2('start', config);
    return {
      port,
      async restart() {
        await pm2('reload', 'deploy');
        const lines = readFileSync(join(home, 'pm2.log'), 'utf8').split('\n');
        const bad = lines.filter((line) => /exited with code \[[^0]|SIGKILL/.test(line));
        if (bad.length > 0)
          throw new Error(`processes ended badly: ${lines.join('\n')}\n${errorsIn(home)}`);
      },
      async stop() {
        await pm2('kill');
        rmSync(home, { recursive: true, force: true });
      },
    };
  };
}

/** What the processes wrote to their standard error. */
function errorsIn(home: string): string {
  const logs = join(home, 'logs');
  return readdirSync(logs)
    .filter((name) => name.includes('error'))
    .map((name) => readFileSync(join(logs, name), 'utf8'))
    .join('\n');
}
