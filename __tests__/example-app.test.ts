import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { chromiumProgram, launchChromium } from './support/chromium.js';
import { describeWith } from './support/needs.js';
import { serve } from './support/server.js';

// A browser takes its time on a busy machine.
jest.setTimeout(60_000);

const root = join(__dirname, '..');

class ExampleApp {
  static readonly #running = new Set<ExampleApp>();

  readonly #child: ChildProcess;
  readonly #closed: Promise<number | NodeJS.Signals>;
  #output = '';
  url = '';

  private constructor(port: number) {
    const { HOST: _, ...env } = process.env;
    this.#child = spawn(process.execPath, ['example-app/server.mjs'], {
      cwd: root,
      env: { ...env, PORT: String(port) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#closed = once(this.#child, 'close').then(([code, signal]) => code ?? signal);
    ExampleApp.#running.add(this);
  }

  /** Starts the app and waits for the line that says where it is. */
  static async start(port = 0): Promise<ExampleApp> {
    const app = new ExampleApp(port);
    await new Promise<void>((resolve, reject) => {
      const listen = (chunk: Buffer) => {
        app.#output += chunk;
        app.url = /http:\/\/localhost:\d+/.exec(app.#output)?.[0] ?? '';
        if (app.url !== '') resolve();
      };
      app.#child.stdout?.on('data', listen);
      app.#child.stderr?.on('data', listen);
      app.#child.once('close', (code) => reject(new Error(`exit code ${code}: ${app.#output}`)));
    });
    return app;
  }

  static async killAll(): Promise<void> {
    await Promise.all([...ExampleApp.#running].map((app) => app.stop('SIGKILL')));
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** All that it printed, on stdout and stderr. */
  get output(): string {
    return this.#output;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Sends the signals, and gives the exit code, or the signal if one killed it. */
  async stop(...signals: NodeJS.Signals[]): Promise<number | NodeJS.Signals> {
    for (const signal of signals) this.signal(signal);
    const outcome = await this.#closed;
    ExampleApp.#running.delete(this);
    return outcome;
  }

  post(message: unknown): Promise<Response> {
    return fetch(`${this.url}/messages`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(message),
    });
  }
}

/** A line to the app that can be cut. */
class Line {
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  readonly server = createServer((near) => {
    if (this.#isCut) {
      near.destroy();
      return;
    }
    const far = connect(this.port, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.pipe(other);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  });

  constructor(private readonly port: number) {}

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }
}

describeWith(chromiumProgram, 'the example app in a browser', (chromiumPath) => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchChromium(chromiumPath);
  });

  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()));
    await ExampleApp.killAll();
  });

  afterAll(() => browser?.close());

  /** A page in a browser of its own, as far as cookies and connections go. */
  async function open(app: ExampleApp, options: BrowserContextOptions = {}): Promise<Page> {
    const page = await browser.newPage(options);
    await page.goto(app.url);
    await shows(page, 'Connected');
    return page;
  }

  async function shows(page: Page, state: string): Promise<void> {
    await page.getByRole('status').filter({ hasText: state }).waitFor();
  }

  async function write(page: Page, name: string, text: string): Promise<void> {
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('Message', { exact: true }).fill(text);
    await page.getByRole('button', { name: 'Post' }).click();
  }

  /** The texts on the board, the newest first. */
  function board(page: Page): Promise<string[]> {
    return page.getByRole('listitem').locator('p').allTextContents();
  }

  async function reads(page: Page, text: string): Promise<void> {
    await page.getByRole('listitem').filter({ hasText: text }).first().waitFor();
  }

  /** How many readings each of the charts has drawn. */
  function drawn(page: Page): Promise<number[]> {
    return page.evaluate(`
      [...document.querySelectorAll('.trace.n0')].map((path) => path.getAttribute('d').match(/[MLV]/g).length)
    `);
  }

  async function draws(page: Page, count: number): Promise<void> {
    await page.waitForFunction(`
      ['cpu', 'memory', 'loop', 'clients'].every((id) => {
        const path = document.querySelector('#' + id + ' .trace.n0')?.getAttribute('d') ?? '';
        return path.split(/[MLV]/).length > ${count};
      })
    `);
  }

  test('what one page posts appears in the other, and in a page that comes later', async () => {
    const app = await ExampleApp.start();
    const [ada, ben] = await Promise.all([open(app), open(app)]);
    await write(ada, 'Ada', 'Good morning');
    await reads(ben, 'Good morning');
    await write(ben, 'Ben', 'Good evening');
    await reads(ada, 'Good evening');
    const late = await open(app);
    await reads(late, 'Good evening');
    for (const page of [ada, ben, late]) {
      expect(await board(page)).toEqual(['Good evening', 'Good morning']);
    }
    expect(await ada.getByLabel('Message', { exact: true }).inputValue()).toBe('');
  });

  test('markup in a message stays text', async () => {
    const app = await ExampleApp.start();
    const page = await open(app);
    const markup = '<img src=x onerror="document.title = 1"> <b>bold</b>';
    await app.post({ name: '<i>Eve</i>', text: markup });
    await reads(page, markup);
    expect(await page.getByRole('listitem').locator('img, b, i').count()).toBe(0);
  });

  test('Enter posts, and Shift + Enter breaks the line', async () => {
    const app = await ExampleApp.start();
    const page = await open(app);
    await page.getByLabel('Name').fill('Ada');
    await page.getByLabel('Message', { exact: true }).focus();
    await page.keyboard.type('one');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('two');
    await page.keyboard.press('Enter');
    await reads(page, 'two');
    expect(await board(page)).toEqual(['one\ntwo']);
  });

  test('a message without a name is refused with the reason, and stays in the form', async () => {
    const app = await ExampleApp.start();
    const page = await open(app);
    await write(page, '  ', 'Who am I?');
    await page.getByRole('alert').filter({ hasText: 'name' }).waitFor();
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('Who am I?');
    expect(await board(page)).toEqual([]);
    await write(page, 'Ada', 'I am Ada');
    await reads(page, 'I am Ada');
    expect(await page.getByRole('alert').textContent()).toBe('');
  });

  test('the charts move as the readings come, and a later page starts with what was read', async () => {
    const app = await ExampleApp.start();
    const page = await open(app);
    await draws(page, 1);
    const before = await drawn(page);
    const picture = await page.locator('#sheet').screenshot();
    await draws(page, Math.max(...before) + 2);
    expect(await page.locator('#sheet').screenshot()).not.toEqual(picture);

    // Between two readings the paper moves on.
    const place = await page.locator('#cpu .moving').getAttribute('transform');
    expect(place).toMatch(/^translate/);
    await page.waitForFunction(
      `document.querySelector('#cpu .moving').getAttribute('transform') !== '${place}'`,
    );

    await draws(page, 6);
    const late = await browser.newPage();
    await late.goto(app.url);
    await draws(late, 6);
    // Had the later page begun with nothing, it would be six readings behind.
    const known = await drawn(late);
    expect(Math.max(...(await drawn(page))) - Math.min(...known)).toBeLessThan(4);

    for (const id of ['cpu', 'memory', 'loop', 'clients']) {
      expect(await late.locator(`#${id} [data-value]`).textContent()).toMatch(/^\d+(\.\d+)?$/);
    }
    await page.locator('#clients [data-value]', { hasText: '2' }).waitFor();
  });

  test('both pages go on by themselves after the server was stopped and started again', async () => {
    const app = await ExampleApp.start();
    const pages = await Promise.all([open(app), open(app)]);
    const [ada, ben] = pages as [Page, Page];
    await write(ada, 'Ada', 'Before');
    await reads(ben, 'Before');

    expect(await app.stop('SIGTERM')).toBe(0);
    await Promise.all(pages.map((page) => shows(page, 'Reconnecting')));
    await Promise.all(pages.map((page) => page.locator('#cpu .hole').waitFor()));
    await write(ben, 'Ben', 'Meanwhile');
    await ben.getByRole('alert').filter({ hasText: 'be reached' }).waitFor();

    const restarted = await ExampleApp.start(app.port);
    await Promise.all(pages.map((page) => shows(page, 'Connected')));
    await ben.getByRole('button', { name: 'Post' }).click();
    await Promise.all(pages.map((page) => reads(page, 'Meanwhile')));
    await write(ada, 'Ada', 'After');
    await Promise.all(pages.map((page) => reads(page, 'After')));
    for (const page of pages) {
      expect(await board(page)).toEqual(['After', 'Meanwhile', 'Before']);
    }
    expect(app.output + restarted.output).not.toMatch(/error/i);
  });

  test('a page whose connection was cut misses nothing, and has nothing twice', async () => {
    const app = await ExampleApp.start();
    const line = new Line(app.port);
    const page = await browser.newPage();
    await page.goto(await serve(line.server));
    await app.post({ name: 'Ada', text: 'One' });
    await reads(page, 'One');
    await draws(page, 2);

    line.cut();
    await shows(page, 'Reconnecting');
    await app.post({ name: 'Ada', text: 'Two' });
    await app.post({ name: 'Ada', text: 'Three' });
    await page.locator('#cpu .hole').waitFor();

    line.mend();
    await shows(page, 'Connected');
    await app.post({ name: 'Ada', text: 'Four' });
    await reads(page, 'Four');
    expect(await board(page)).toEqual(['Four', 'Three', 'Two', 'One']);
    await page.locator('#cpu .hole').waitFor({ state: 'detached' });
  });

  test('a page comes back within 3 s after a proxy answered with an error page', async () => {
    const app = await ExampleApp.start();
    const page = await browser.newPage();
    // The page's timers stand still, so that the time to wait is exact.
    await page.clock.install({ time: 0 });
    await page.clock.pauseAt(1000);
    await page.route('**/stream*', (route) => route.fulfill({ status: 502, body: 'Bad gateway' }));
    await page.goto(app.url);
    await shows(page, 'Reconnecting');
    await page.unroute('**/stream*');
    await page.clock.runFor(3000);
    await shows(page, 'Connected');
  });

  test('a page notices that the server has fallen silent', async () => {
    const app = await ExampleApp.start();
    const page = await open(app);
    app.signal('SIGSTOP');
    await shows(page, 'Reconnecting');
    app.signal('SIGCONT');
    await shows(page, 'Connected');
  });

  test('SIGINT stops the server cleanly too, and a second signal changes nothing', async () => {
    const app = await ExampleApp.start();
    await Promise.all([open(app), open(app)]);
    expect(await app.stop('SIGINT', 'SIGINT', 'SIGTERM')).toBe(0);
    expect(app.output).toBe(`Open ${app.url} in two windows.\n`);
  });

  test('nothing is wider than a phone of 360 px', async () => {
    const app = await ExampleApp.start();
    const page = await open(app, { viewport: { width: 360, height: 740 }, isMobile: true });
    await app.post({ name: 'N'.repeat(40), text: 'W'.repeat(500) });
    await reads(page, 'WWW');
    await draws(page, 1);
    const [content, screen] = (await page.evaluate(
      '[document.documentElement.scrollWidth, window.screen.width]',
    )) as [number, number];
    expect(screen).toBe(360);
    expect(content).toBe(360);
  });

  test('all that the page asks for is there', async () => {
    const app = await ExampleApp.start();
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('response', (answer) => {
      if (!answer.ok()) complaints.push(`${answer.status()} ${answer.url()}`);
      if (!answer.url().startsWith(app.url)) complaints.push(`from elsewhere: ${answer.url()}`);
    });
    await page.goto(app.url);
    await draws(page, 1);
    expect(complaints).toEqual([]);
  });
});

describe('the example app', () => {
  let app: ExampleApp;

  beforeAll(async () => {
    app = await ExampleApp.start();
  });

  afterAll(() => ExampleApp.killAll());

  test.each([
    ['no name', { text: 'hello' }, /name/],
    ['no text', { name: 'Ada', text: ' ' }, /message/],
    ['a number for a text', { name: 'Ada', text: 1 }, /message/],
    ['a name that is too long', { name: 'A'.repeat(41), text: 'hello' }, /40/],
    ['a text that is too long', { name: 'Ada', text: 'A'.repeat(501) }, /500/],
    ['neither, being an array', [], /name/],
  ])('answers a message with %s with 400 and the reason', async (_name, message, reason) => {
    const answer = await app.post(message);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ error: expect.stringMatching(reason) });
  });

  test('answers a body that is no JSON with 400 and the reason', async () => {
    const answer = await fetch(`${app.url}/messages`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: '{"name":',
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({ error: expect.stringMatching(/JSON/) });
  });

  test('ends the streams and stops cleanly on SIGTERM', async () => {
    const another = await ExampleApp.start();
    const answer = await fetch(`${another.url}/stream`);
    const stopped = another.stop('SIGTERM');
    expect(await answer.text()).toMatch(/retry: \d+\n\n$/);
    expect(await stopped).toBe(0);
  });

  test('stops although someone has connected who never asks for anything', async () => {
    const another = await ExampleApp.start();
    const socket = connect(another.port, '127.0.0.1').on('error', () => undefined);
    await once(socket, 'connect');
    // Answered on a later connection, so the server knows of the first.
    await fetch(`${another.url}/messages`).then((answer) => answer.text());
    expect(await another.stop('SIGTERM')).toBe(0);
    socket.destroy();
  });

  test('keeps the last 50 messages', async () => {
    const texts = Array.from({ length: 60 }, (_, index) => `message ${index}`);
    for (const text of texts) expect((await app.post({ name: 'Ada', text })).status).toBe(201);
    const answer = await fetch(`${app.url}/messages`);
    const kept = (await answer.json()) as { id: string; text: string }[];
    expect(kept.map(({ text }) => text)).toEqual(texts.slice(-50));
    expect(new Set(kept.map(({ id }) => id)).size).toBe(50);
  });
});
