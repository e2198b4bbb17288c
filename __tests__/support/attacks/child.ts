import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { HubOptions } from '../../../lib/index.js';
import { dropLater } from '../stream-client.js';

const SERVER = join(__dirname, 'server.mjs');

export interface ChildOptions {
  readonly hub?: HubOptions;
  /** Arguments of Node. */
  readonly node?: readonly string[];
  /** How many files it may open. */
  readonly files?: number;
}

/** A hub in a process of its own. It ends with the test. */
export class Child {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(port: string, process: ChildProcess, lines: AsyncIterator<string>) {
    this.url = `http://127.0.0.1:${port}/`;
    this.#process = process;
    this.#lines = lines;
  }

  static async start({ hub = {}, node = [], files = 20_000 }: ChildOptions): Promise<Child> {
    const command = `ulimit -n ${files}; exec "$@"`;
    const args = ['-c', command, 'bash', process.execPath, ...node, SERVER, JSON.stringify(hub)];
    const child = spawn('bash', args, { stdio: ['pipe', 'pipe', 'inherit'] });
    dropLater({ destroy: () => child.stdin.end() });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return new Child(await nextLine(lines), child, lines);
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async ask<Result>(name: string, args: object = {}): Promise<Result> {
    this.#process.stdin?.write(`${JSON.stringify({ name, ...args })}\n`);
    return JSON.parse(await nextLine(this.#lines)) as Result;
  }
}

async function nextLine(lines: AsyncIterator<string>): Promise<string> {
  const { done, value } = await lines.next();
  if (done) throw new Error('the server has ended');
  return value;
}
