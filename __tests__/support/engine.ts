import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, cpSync, mkdirSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeFolder } from './folder.js';
import { freePorts } from './free-ports.js';

/** A server that a log lives in, and what a test does to it. */
export interface Engine {
  /** Of the program. */
  readonly path: string;
  /** Free when it first started, and the same ever since. */
  readonly port: number;
  readonly url: string;
  /** Resolves when it takes commands. */
  start(): Promise<void>;
  /** Ends it without warning. Its data stays. */
  kill(): Promise<void>;
  /** Has it stand still: its connections stay, and it answers nothing. */
  freeze(): void;
  /** Has it go on where it stood. */
  thaw(): void;
  /** Deletes its data while it is down. */
  wipe(): Promise<void>;
  /** Copies its data while it is down. */
  save(): Promise<void>;
  /** Puts the copy in place of its data, while it is down. */
  restore(): Promise<void>;
  /** Ends it for good. */
  stop(): Promise<void>;
}

const POLL = 20;
const START_LIMIT = 15_000;
const PORT_ATTEMPTS = 5;

/**
 * Kills the server when the pipe to this process breaks: it does so however this process ends, where
 * an `exit` listener hears of no signal.
 */
const GUARD = 'read -r _; kill -s KILL -- "-$1"; rm -rf "$2"';

const engines = new Set<Engine>();

/** Stops every engine that was started here. */
export async function stopEngines(): Promise<void> {
  await Promise.all([...engines].map((engine) => engine.stop()));
}

/** An engine that is a child process, with a folder of its own. */
export abstract class ChildEngine implements Engine {
  abstract readonly url: string;
  #folder: string | undefined;
  #ports: readonly number[] = [];
  #running: { readonly child: ChildProcess; readonly exited: Promise<void> } | undefined;

  constructor(
    readonly path: string,
    /** How many ports it listens on. */
    readonly portCount = 1,
  ) {}

  /** The command line, for data in that folder and for these ports. */
  protected abstract args(data: string, ports: readonly number[]): string[];

  /** Whether it takes commands; an error means no. It has to make sure that this is its process. */
  protected abstract isReady(pid: number): Promise<boolean>;

  get port(): number {
    const [port] = this.#ports;
    if (port === undefined) throw new Error('an engine has no port before its first start');
    return port;
  }

  async start(): Promise<void> {
    if (this.#running) throw new Error(`${this.path} runs already`);
    engines.add(this);
    this.#folder ??= mkdtempSync(join(tmpdir(), 'express-sse-hub-engine-'));
    const hasPorts = this.#ports.length > 0;
    for (let attempt = 1; ; attempt++) {
      if (!hasPorts) this.#ports = await freePorts(this.portCount);
      try {
        await this.#run(this.#folder);
        return;
      } catch (error) {
        // Somebody else took a port since the kernel called it free.
        const isTaken = /address already in use/i.test(String(error));
        if (!isTaken || hasPorts || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  async kill(): Promise<void> {
    const exited = this.#running?.exited;
    this.#signal('SIGKILL');
    await exited;
  }

  freeze(): void {
    this.#signal('SIGSTOP');
  }

  thaw(): void {
    this.#signal('SIGCONT');
  }

  #signal(signal: NodeJS.Signals): void {
    const pid = this.#running?.child.pid;
    if (pid !== undefined) process.kill(-pid, signal);
  }

  async wipe(): Promise<void> {
    await removeFolder(dataIn(this.#idleFolder()));
  }

  async save(): Promise<void> {
    const folder = this.#idleFolder();
    cpSync(dataIn(folder), copyIn(folder), { recursive: true });
  }

  async restore(): Promise<void> {
    const folder = this.#idleFolder();
    await this.wipe();
    cpSync(copyIn(folder), dataIn(folder), { recursive: true });
  }

  #idleFolder(): string {
    if (this.#running) throw new Error(`${this.path} still runs`);
    if (!this.#folder) throw new Error(`${this.path} has never run`);
    return this.#folder;
  }

  async stop(): Promise<void> {
    await this.kill();
    if (this.#folder) await removeFolder(this.#folder);
    this.#folder = undefined;
    engines.delete(this);
  }

  async #run(folder: string): Promise<void> {
    const data = dataIn(folder);
    mkdirSync(data, { recursive: true });
    const outputFile = join(folder, 'output');
    const output = openSync(outputFile, 'w');
    const child = spawn(this.path, this.args(data, this.#ports), {
      stdio: ['ignore', output, output],
      // A process group, to be killed as one: Redis has children that write files.
      detached: true,
    });
    closeSync(output);
    const exited = once(child, 'exit').then(() => {
      this.#running = undefined;
    });
    await once(child, 'spawn');
    this.#running = { child, exited };
    guard(child, folder);

    const isUp = await Promise.race([
      this.#answers(child),
      exited.then(() => false),
      sleep(START_LIMIT, false, { ref: false }),
    ]);
    if (!isUp) {
      await this.kill();
      throw new Error(`${this.path} didn't start:\n${readFileSync(outputFile, 'utf8')}`);
    }
  }

  async #answers(child: ChildProcess): Promise<boolean> {
    while (this.#running?.child === child) {
      const isReady = await this.isReady(child.pid as number).catch(() => false);
      if (isReady) return true;
      await sleep(POLL);
    }
    return false;
  }
}

function dataIn(folder: string): string {
  return join(folder, 'data');
}

function copyIn(folder: string): string {
  return join(folder, 'copy');
}

function guard(child: ChildProcess, folder: string): void {
  const watcher = spawn('sh', ['-c', GUARD, 'sh', String(child.pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Out of reach of a Ctrl-C in the terminal.
    detached: true,
  });
  child.once('exit', () => watcher.kill('SIGKILL'));
}
