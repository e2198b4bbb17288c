import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { chromiumProgram, launchChromium } from './support/chromium.js';
import { type Engine, stopEngines } from './support/engine.js';
import { NATS, natsServer } from './support/nats-server.js';
import { describeWith } from './support/needs.js';
import { REDIS, redisServer } from './support/redis-server.js';
import { noteShown } from './support/shown.js';
import { StreamReader } from './support/stream-client.js';

const root = join(__dirname, '..');

/** A program of the example app, and what it prints. */
class Program {
  static readonly #running = new Set<Program>();

  readonly #child: ChildProcess;
  readonly exited: Promise<number | NodeJS.Signals>;
  #output = '';
  readonly #watchers = new Set<() => void>();

  constructor(file: string, environment: NodeJS.ProcessEnv) {
    const { HOST: _, REDIS_URL: __, NATS_URL: ___, ...env } = process.env;
    this.#child = spawn(process.execPath, [`example-app/${file}`], {
      cwd: root,
      env: { ...env, PORT: '0', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
        for (const watcher of this.#watchers) watcher();
      });
    }
    this.exited = once(this.#child, 'close').then(([code, signal]) => {
      for (const watcher of this.#watchers) watcher();
      return code ?? signal;
    });
    Program.#running.add(this);
  }

  /** Ends what still runs, and lets the clusters end what they have started. */
  static async stopAll(): Promise<void> {
    await Promise.all([...Program.#running].map((program) => program.stop()));
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get output(): string {
    return this.#output;
  }

  /** Resolves when it has printed this, with what the pattern has caught. */
  async prints(pattern: RegExp): Promise<string[]> {
    for (;;) {
      const match = pattern.exec(this.#output);
      if (match !== null) return [...match];
      if (this.#child.exitCode !== null) throw new Error(`it ended too early: ${this.#output}`);
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  async url(): Promise<string> {
    const [url] = await this.prints(/http:\/\/localhost:\d+/);
    return url as string;
  }

  async stop(): Promise<number | NodeJS.Signals> {
    this.#child.kill('SIGTERM');
    const outcome = await this.exited;
    Program.#running.delete(this);
    return outcome;
  }
}

/** A client that comes back where it was, as an EventSource does. */
class Client {
  readonly texts: string[] = [];
  /** The process that it is connected to. */
  pid = 0;
  #reader!: StreamReader;
  #lastEventId = '';

  constructor(private readonly url: string) {}

  /** Connects, and resolves when everything is here that it has missed. */
  async connect(): Promise<this> {
    const headers = this.#lastEventId === '' ? {} : { 'last-event-id': this.#lastEventId };
    this.#reader = await StreamReader.open(`${this.url}/stream?boards=lounge`, { headers });
    await this.#reader.until(({ events }) => events.some(({ type }) => type === 'server'));
    const greeting = this.#reader.events.find(({ type }) => type === 'server');
    this.pid = JSON.parse(greeting?.data as string).process;
    return this;
  }

  /** The texts that have come over its stream. */
  get shown(): string[] {
    return textsOf(this.#reader);
  }

  async reads(text: string): Promise<void> {
    await this.#reader.until(() => textsOf(this.#reader).includes(text));
  }

  /** Resolves when its stream has ended, and takes what came over it. */
  async disconnected(): Promise<void> {
    await this.#reader.end();
    this.texts.push(...textsOf(this.#reader));
    const frames = this.#reader.text.slice(0, this.#reader.text.lastIndexOf('\n\n'));
    this.#lastEventId = frames.match(/(?<=^id: ).+$/gm)?.at(-1) as string;
  }
}

function textsOf({ events }: StreamReader): string[] {
  const messages = events.filter(({ type }) => type === 'message-posted');
  return messages.map(({ data }) => JSON.parse(data).text);
}

function post(url: string, text: string): Promise<Response> {
  return fetch(`${url}/boards/lounge/messages`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Connection: 'close' },
    body: JSON.stringify({ name: 'Ada', text }),
  });
}

async function posts(url: string, text: string): Promise<void> {
  expect((await post(url, text)).status).toBe(201);
}

/** The texts that a new page begins with, the oldest first. */
async function board(url: string): Promise<string[]> {
  const client = await new Client(url).connect();
  return client.shown;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

afterEach(async () => {
  await Program.stopAll();
  await stopEngines();
});

describe.each([
  {
    name: 'Redis',
    program: REDIS,
    server: (path: string): Engine => redisServer(path),
    variable: 'REDIS_URL',
  },
  { name: 'NATS', program: NATS, server: natsServer, variable: 'NATS_URL' },
])('the example app over $name', ({ name, program, server, variable }) => {
  describeWith(program, `a ${name} of the tests`, (path) => {
    async function startEngine(): Promise<[Engine, NodeJS.ProcessEnv]> {
      const engine = server(path);
      await engine.start();
      return [engine, { [variable]: engine.url }];
    }

    test('what is posted at one process appears at the other, and is there after both have stopped', async () => {
      const [, environment] = await startEngine();
      const programs = [1, 2].map(() => new Program('server.mjs', environment));
      const [here, there] = (await Promise.all(programs.map((one) => one.url()))) as [
        string,
        string,
      ];
      await programs[0]?.prints(new RegExp(`The log is in ${name}`));
      const client = await new Client(there).connect();
      expect(client.pid).toBe(programs[1]?.pid);

      const texts = Array.from({ length: 55 }, (_, index) => `message ${index}`);
      for (const text of texts) await posts(here, text);
      await client.reads('message 54');
      expect(await board(here)).toEqual(texts);
      expect(await board(there)).toEqual(texts);

      expect(await Promise.all(programs.map((one) => one.stop()))).toEqual([0, 0]);
      await client.disconnected();
      expect(client.texts).toEqual(texts);
      const later = await new Program('server.mjs', environment).url();
      expect(await board(later)).toEqual(texts);
    });

    test(`says so while ${name} is away, and goes on when it is back`, async () => {
      const [engine, environment] = await startEngine();
      const program = new Program('server.mjs', environment);
      const url = await program.url();
      await posts(url, 'before');
      const client = await new Client(url).connect();

      await engine.kill();
      const answer = await post(url, 'meanwhile');
      expect(answer.status).toBe(503);
      expect(await answer.json()).toEqual({
        error: `${name} can’t be reached. Your message may appear yet: if it doesn’t, post it again.`,
      });
      await program.prints(/the log is unreachable/);

      await engine.start();
      await program.prints(/the log is reachable again/);
      while ((await post(url, 'after')).status !== 201) await sleep(100);
      await client.reads('after');
      expect((await board(url)).filter((text) => text !== 'meanwhile').slice(0, 2)).toEqual([
        'before',
        'after',
      ]);
      expect(await program.stop()).toBe(0);
    });
  });
});

describeWith(REDIS, 'the example app in three processes', (path) => {
  let folder: string;
  let program: Program;
  let url: string;
  /** Of all that it has started, the Redis being the last. */
  let pids: number[];

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'express-sse-hub-cluster-'));
    program = new Program('cluster.mjs', { REDIS_SERVER: path, TMPDIR: folder });
    url = await program.url();
    const [, nodes, redis] = await program.prints(/processes ([\d, ]+) share .* process (\d+)\./);
    pids = `${nodes}, ${redis}`.split(', ').map(Number);
    await program.prints(/Everything ends/);
  });

  afterEach(async () => {
    await Program.stopAll();
    rmSync(folder, { recursive: true, force: true });
  });

  test('gives all clients everything, also those whose process was killed, and leaves nothing behind', async () => {
    const clients: Client[] = [];
    while (new Set(clients.map(({ pid }) => pid)).size < 3) {
      clients.push(await new Client(url).connect());
    }
    await posts(url, 'one');
    await Promise.all(clients.map((client) => client.reads('one')));

    const [first] = clients as [Client];
    const { pid } = first;
    const lost = clients.filter((client) => client.pid === pid);
    process.kill(pid, 'SIGKILL');
    await Promise.all(lost.map((client) => client.disconnected()));
    await program.prints(new RegExp(`process ${pid}, has ended: SIGKILL`));
    await posts(url, 'two');
    await posts(url, 'three');
    await Promise.all(lost.map((client) => client.connect()));
    await posts(url, 'four');
    await Promise.all(clients.map((client) => client.reads('four')));
    for (const client of lost) expect(client.pid).not.toBe(pid);

    const [, next] = await program.prints(/Process (\d+) takes its place/);
    const late = await new Client(url).connect();
    while (late.pid !== Number(next)) await late.connect();
    await posts(url, 'five');
    await Promise.all([...clients, late].map((client) => client.reads('five')));
    expect(await board(url)).toEqual(['one', 'two', 'three', 'four', 'five']);

    expect(await program.stop()).toBe(0);
    await Promise.all(clients.map((client) => client.disconnected()));
    for (const { texts } of clients) expect(texts).toEqual(['one', 'two', 'three', 'four', 'five']);
    expect([...pids, Number(next)].filter(isRunning)).toEqual([]);
    expect(readdirSync(folder)).toEqual([]);
  });

  test('starts its Redis again, with all that was in it', async () => {
    const client = await new Client(url).connect();
    await posts(url, 'before');
    process.kill(pids.at(-1) as number, 'SIGKILL');
    await program.prints(/Redis, process \d+, has ended: SIGKILL/);
    const [, next] = await program.prints(/Process (\d+) takes its place/);
    while ((await post(url, 'after')).status !== 201) await sleep(100);
    await client.reads('after');
    expect((await board(url)).at(0)).toBe('before');
    expect(await program.stop()).toBe(0);
    expect(isRunning(Number(next))).toBe(false);
  });

  describeWith(chromiumProgram, 'in a browser', (chromiumPath) => {
    let browser: Browser;

    beforeAll(async () => {
      browser = await launchChromium(chromiumPath);
    });

    afterAll(() => browser?.close());

    async function shows(page: Page, text: RegExp): Promise<void> {
      await page.locator('#connection').filter({ hasText: text }).waitFor();
    }

    async function processOf(page: Page): Promise<number> {
      await shows(page, /Connected.*Process \d+, log in Redis/s);
      const text = await page.locator('#connection').textContent();
      return Number(/Process (\d+)/.exec(text as string)?.[1]);
    }

    test('a page whose process was killed goes on at another, and its charts have no hole', async () => {
      const page = await browser.newPage({ reducedMotion: 'reduce' });
      await page.goto(url);
      const before = await processOf(page);
      await page.waitForFunction(`
        document.querySelector('#cpu .trace.n0')?.getAttribute('d').split('L').length > 3
      `);
      // Another process may take it over before the next look.
      const hasShown = await noteShown(page, '#connection');
      process.kill(before, 'SIGKILL');
      await hasShown('Reconnecting');
      await program.prints(/has ended/);
      await posts(url, 'Still here');
      expect(await processOf(page)).not.toBe(before);
      await page.getByRole('listitem').filter({ hasText: 'Still here' }).waitFor();
      await page.locator('#cpu .hole').waitFor({ state: 'detached' });
    });

    test('a message that can’t be posted stays in the form, and the page says why', async () => {
      const page = await browser.newPage({ reducedMotion: 'reduce' });
      await page.goto(url);
      await processOf(page);
      const lounge = page.getByRole('region', { name: 'Lounge', exact: true });
      const text = lounge.getByLabel('Message', { exact: true });
      await page.getByLabel('Name').fill('Ada');
      await text.fill('There is cake');
      process.kill(pids.at(-1) as number, 'SIGSTOP');
      await lounge.getByRole('button', { name: 'Post' }).click();
      await lounge.getByRole('alert').filter({ hasText: 'Redis can’t be reached' }).waitFor();
      expect(await text.inputValue()).toBe('There is cake');
      // The stream itself is alive: heartbeats come.
      await shows(page, /Connected/);

      process.kill(pids.at(-1) as number, 'SIGCONT');
      await text.fill('There was cake');
      await lounge.getByRole('button', { name: 'Post' }).click();
      await lounge.getByRole('listitem').filter({ hasText: 'There was cake' }).waitFor();
    });
  });
});

test('a cluster says what is missing without a Redis', async () => {
  const program = new Program('cluster.mjs', { PATH: '', REDIS_SERVER: undefined });
  expect(await program.exited).toBe(1);
  expect(program.output).toMatch(/redis-server is not\s+installed.*apt install redis-server/s);
});

test('a cluster says why it did not start, and ends', async () => {
  // Node knows as little of `--port` as Redis of most things.
  const program = new Program('cluster.mjs', { REDIS_SERVER: process.execPath });
  expect(await program.exited).toBe(1);
  expect(program.output).toMatch(/^Redis didn’t start: exit code \d+$/m);
});
