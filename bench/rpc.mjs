// Calls between processes: { id, method, args } there, { id, result } or { id, error } back.
import { fork, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** In the child: answers calls with these methods, for as long as the parent is there. */
export function serve(methods) {
  process.on('message', async ({ id, method, args }) => {
    try {
      process.send({ id, result: await methods[method](args ?? {}) });
    } catch (error) {
      process.send({ id, error: error.message });
    }
  });
  process.on('disconnect', () => process.exit());
}

/** A module of this folder in a process of its own. */
export function forkModule(file, execArgv = []) {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), { execArgv });
  const peer = new Peer(file, child, (message) => child.send(message));
  child.on('message', (message) => peer.answered(message));
  return peer;
}

/** A program that speaks the same in lines of JSON, over its standard input and output. */
export function spawnProgram(file) {
  const child = spawn(file, { stdio: ['pipe', 'pipe', 'inherit'] });
  // A program that has ended says so by its exit.
  child.stdin.on('error', () => {});
  const peer = new Peer(file, child, (message) =>
    child.stdin.write(`${JSON.stringify(message)}\n`),
  );
  createInterface({ input: child.stdout }).on('line', (line) => peer.answered(JSON.parse(line)));
  return peer;
}

class Peer {
  #child;
  #send;
  #calls = new Map();
  #lastId = 0;
  #gone;
  #ended;

  constructor(name, child, send) {
    this.#child = child;
    this.#send = send;
    this.#ended = new Promise((resolve) => {
      const end = (why) => {
        this.#fail(new Error(`${name} ${why}`));
        resolve();
      };
      child.on('error', (error) => end(`failed: ${error.message}`));
      child.once('exit', (code, signal) => end(`ended with ${code ?? signal}`));
    });
  }

  get pid() {
    return this.#child.pid;
  }

  call(method, args) {
    return new Promise((resolve, reject) => {
      if (this.#gone) throw this.#gone;
      const id = ++this.#lastId;
      this.#calls.set(id, { resolve, reject });
      this.#send({ id, method, args });
    });
  }

  answered({ id, result, error }) {
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(error));
  }

  async stop() {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  #fail(error) {
    this.#gone ??= error;
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}
