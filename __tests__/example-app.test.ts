import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { chromiumProgram, launchChromium } from './support/chromium.js';
import { describeWith } from './support/needs.js';
import { serve } from './support/server.js';
import { noteShown } from './support/shown.js';
import { StreamReader } from './support/stream-client.js';

const root = join(__dirname, '..');

class ExampleApp {
  static readonly #running = new Set<ExampleApp>();

  readonly #child: ChildProcess;
  readonly #closed: Promise<number | NodeJS.Signals>;
  #output = '';
  url = '';

  private constructor(port: number) {
    const { HOST: _, REDIS_URL: __, NATS_URL: ___, ...env } = process.env;
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

  /** Where the messages of a board are. */
  messages(board = 'engine-room'): string {
    return `${this.url}/boards/${board}/messages`;
  }

  post(message: unknown, board?: string): Promise<Response> {
    return fetch(this.messages(board), {
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

/** The texts of the messages that came over the streams, in that order. */
function received(streams: readonly (readonly StreamEvent[])[]): string[] {
  return streams
    .flat()
    .filter(({ type }) => type === 'message-posted')
    .map(({ data }) => JSON.parse(data).text);
}

interface StreamEvent {
  readonly type: string;
  readonly data: string;
}

/** What the streams of a page will bring: one list for each request. */
async function recordStreams(page: Page): Promise<StreamEvent[][]> {
  const lists: StreamEvent[][] = [];
  await page.exposeFunction('record', (index: number, text: string) => {
    lists[index] ??= [];
    for (const [, type = '', data = ''] of text.matchAll(/event: (.*)\ndata: (.*)\n/g)) {
      lists[index].push({ type, data });
    }
  });
  await page.addInitScript(`{
    const { fetch } = window;
    let count = 0;
    window.fetch = async (url, options) => {
      const response = await fetch(url, options);
      if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response;
      const index = count++;
      record(index, '');
      let rest = '';
      const decoder = new TextDecoder();
      const watch = new TransformStream({
        transform(bytes, controller) {
          const blocks = (rest + decoder.decode(bytes, { stream: true })).split('\\n\\n');
          rest = blocks.pop();
          for (const block of blocks) record(index, block + '\\n');
          controller.enqueue(bytes);
        },
      });
      return new Response(response.body.pipeThrough(watch), response);
    };
  }`);
  return lists;
}

describeWith(chromiumProgram, 'the example app in a browser', (chromiumPath) => {
  let browser: Browser;
  /** Pages that a test before has used: to open another takes longer than most tests do. */
  const idle: Page[] = [];
  const used: Page[] = [];

  beforeAll(async () => {
    browser = await launchChromium(chromiumPath);
  });

  afterEach(async () => {
    // What a test has installed in a page goes with it, and so does an error.
    await Promise.all(used.map((page) => page.goto('about:blank')));
    idle.push(...used.splice(0));
    const spared = new Set(idle.map((page) => page.context()));
    const others = browser.contexts().filter((context) => !spared.has(context));
    await Promise.all(others.map((context) => context.close()));
    await ExampleApp.killAll();
  });

  afterAll(() => browser?.close());

  /** A page in a browser of its own, as far as cookies and connections go. */
  async function open(app: ExampleApp, options: BrowserContextOptions = {}): Promise<Page> {
    const isPlain = Object.keys(options).length === 0;
    // The charts are drawn without a graphics card here, which keeps a core busy.
    const calm = { reducedMotion: 'reduce', ...options } as const;
    const page = (isPlain && idle.pop()) || (await browser.newPage(calm));
    if (isPlain) used.push(page);
    await page.goto(app.url);
    await shows(page, 'Connected');
    return page;
  }

  /** A page of its own, and what its streams bring. */
  async function openRecorded(app: ExampleApp): Promise<[Page, StreamEvent[][]]> {
    const page = await browser.newPage({ reducedMotion: 'reduce' });
    const streams = await recordStreams(page);
    await page.goto(app.url);
    await shows(page, 'Connected');
    return [page, streams];
  }

  async function shows(page: Page, state: string): Promise<void> {
    await page.getByRole('status').filter({ hasText: state }).waitFor();
  }

  function board(page: Page, name: string): Locator {
    return page.getByRole('region', { name, exact: true });
  }

  async function write(page: Page, name: string, text: string, on = 'Engine room'): Promise<void> {
    await page.getByLabel('Name').fill(name);
    await draft(page, on).fill(text);
    await board(page, on).getByRole('button', { name: 'Post' }).click();
  }

  /** Where a message is written. */
  function draft(page: Page, on = 'Engine room'): Locator {
    return board(page, on).getByLabel('Message', { exact: true });
  }

  /** The texts on a board, the newest first, also while it is switched off. */
  function texts(page: Page, on = 'Engine room'): Promise<string[]> {
    return board(page, on).locator('li p').allTextContents();
  }

  async function reads(page: Page, text: string, on = 'Engine room'): Promise<void> {
    await board(page, on).getByRole('listitem').filter({ hasText: text }).first().waitFor();
  }

  async function turn(page: Page, name: string): Promise<void> {
    await page.getByRole('switch', { name }).click();
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
      expect(await texts(page)).toEqual(['Good evening', 'Good morning']);
    }
    expect(await draft(ada).inputValue()).toBe('');
  });

  test('a message appears on its board, in the other page as well, and on no other board', async () => {
    const app = await ExampleApp.start();
    const [ada, ben] = await Promise.all([open(app), open(app)]);
    await write(ada, 'Ada', 'The disk is full', 'Engine room');
    await write(ada, 'Ada', 'There is cake', 'Lounge');
    await reads(ben, 'There is cake', 'Lounge');
    await reads(ben, 'The disk is full', 'Engine room');
    const late = await open(app);
    await reads(late, 'There is cake', 'Lounge');
    await reads(late, 'The disk is full', 'Engine room');
    for (const page of [ada, ben, late]) {
      expect(await texts(page, 'Engine room')).toEqual(['The disk is full']);
      expect(await texts(page, 'Lounge')).toEqual(['There is cake']);
    }
  });

  test('a board that is switched off gets nothing, and shows it all once it is on again', async () => {
    const app = await ExampleApp.start();
    const ada = await open(app);
    const [ben, streams] = await openRecorded(app);
    await app.post({ name: 'Cleo', text: 'First' }, 'lounge');
    await reads(ben, 'First', 'Lounge');

    const reopened = ben.waitForResponse('**/stream?boards=engine-room');
    await turn(ben, 'Lounge');
    await reopened;
    await draft(ben, 'Lounge').waitFor({ state: 'hidden' });
    await write(ada, 'Ada', 'Second', 'Lounge');
    await reads(ada, 'Second', 'Lounge');
    // What is accepted later comes later: with this here, the other would be here too.
    await write(ada, 'Ada', 'Still running', 'Engine room');
    await reads(ben, 'Still running', 'Engine room');
    expect(await texts(ben, 'Lounge')).toEqual(['First']);
    expect(received(streams)).toEqual(['First', 'Still running']);

    await turn(ben, 'Lounge');
    await reads(ben, 'Second', 'Lounge');
    await write(ada, 'Ada', 'Third', 'Lounge');
    await reads(ben, 'Third', 'Lounge');
    expect(await texts(ben, 'Lounge')).toEqual(['Third', 'Second', 'First']);
    expect(await texts(ben, 'Engine room')).toEqual(['Still running']);
    // The stream starts anew, with all that its boards keep.
    const again = ['First', 'Second', 'Still running'];
    expect(received(streams)).toEqual(['First', 'Still running', ...again, 'Third']);
  });

  test('a page that was offline is sent what it missed, and says how many events that were', async () => {
    const app = await ExampleApp.start();
    const [page, streams] = await openRecorded(app);
    await app.post({ name: 'Ada', text: 'Before' });
    await reads(page, 'Before');
    await draws(page, 2);
    expect(await page.getByRole('status').allTextContents()).toEqual(['Connected', '']);

    await page.context().setOffline(true);
    await shows(page, 'Reconnecting');
    for (const text of ['One', 'Two', 'Three']) await app.post({ name: 'Ada', text });
    await app.post({ name: 'Ada', text: 'Elsewhere' }, 'lounge');
    await page.locator('#cpu .hole').waitFor();
    expect(await texts(page)).toEqual(['Before']);

    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    const before = streams.length;
    await page.context().setOffline(false);
    await shows(page, 'Connected');
    await shows(page, 'caught up');
    expect(await texts(page)).toEqual(['Three', 'Two', 'One', 'Before']);
    expect(await texts(page, 'Lounge')).toEqual(['Elsewhere']);
    await page.locator('#cpu .hole').waitFor({ state: 'detached' });

    const last = streams.at(-1) as StreamEvent[];
    // The page doesn't listen for what the hub says by itself.
    const shown = last.filter(({ type }) => !['ready', 'heartbeat'].includes(type));
    const count = shown.findIndex(({ type }) => type === 'live');
    expect(streams.length).toBe(before + 1);
    expect(count).toBeGreaterThanOrEqual(4 + 5);
    await shows(page, `caught up on ${count} events`);
    // The stream brought it all: the page asked for nothing else.
    expect(new Set(asked)).toEqual(new Set(['/stream']));
  });

  test('eight tabs of one browser stay live over HTTP/1.1, share a connection, and can post', async () => {
    const app = await ExampleApp.start();
    const context = await browser.newContext({ reducedMotion: 'reduce' });
    const pages: Page[] = [];
    while (pages.length < 8) {
      const page = await context.newPage();
      pages.push(page);
      await page.goto(app.url);
      await shows(page, 'Connected');
    }
    const posted: string[] = [];
    for (const [index, page] of pages.entries()) {
      const text = `from tab ${index}`;
      posted.unshift(text);
      await page.bringToFront();
      await write(page, 'Ada', text);
      await Promise.all(pages.map((other) => reads(other, text)));
    }
    for (const page of pages) expect(await texts(page)).toEqual(posted);
    await pages[0]?.locator('#clients [data-value]', { hasText: /^1$/ }).waitFor();
    // The one that is connected is among them.
    for (const page of pages.splice(0, 7)) await page.close();
    const [last] = pages as [Page];
    await write(last, 'Ada', 'Still here');
    await app.post({ name: 'Ben', text: 'So it seems' });
    await reads(last, 'So it seems');
    expect(await texts(last)).toEqual(['So it seems', 'Still here', ...posted]);
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
    await draft(page).focus();
    await page.keyboard.type('one');
    await page.keyboard.press('Shift+Enter');
    await page.keyboard.type('two');
    await page.keyboard.press('Enter');
    await reads(page, 'two');
    expect(await texts(page)).toEqual(['one\ntwo']);
  });

  test('a message without a name is refused with the reason, and stays in the form', async () => {
    const app = await ExampleApp.start();
    const page = await open(app);
    await write(page, '  ', 'Who am I?');
    await page.getByRole('alert').filter({ hasText: 'name' }).waitFor();
    expect(await draft(page).inputValue()).toBe('Who am I?');
    expect(await texts(page)).toEqual([]);
    await write(page, 'Ada', 'I am Ada');
    await reads(page, 'I am Ada');
    expect(await page.getByRole('alert').allTextContents()).toEqual(['', '']);
  });

  test('the charts move as the readings come, and a later page starts with what was read', async () => {
    const app = await ExampleApp.start();
    const page = await open(app, { reducedMotion: 'no-preference' });
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
    await Promise.all(pages.map((page) => draws(page, 2)));

    expect(await app.stop('SIGTERM')).toBe(0);
    await Promise.all(pages.map((page) => shows(page, 'Reconnecting')));
    await Promise.all(pages.map((page) => page.locator('#cpu .hole').waitFor()));
    await write(ben, 'Ben', 'Meanwhile');
    await ben.getByRole('alert').filter({ hasText: 'be reached' }).waitFor();

    const restarted = await ExampleApp.start(app.port);
    await Promise.all(pages.map((page) => shows(page, 'fetched everything anew')));
    await board(ben, 'Engine room').getByRole('button', { name: 'Post' }).click();
    await Promise.all(pages.map((page) => reads(page, 'Meanwhile')));
    await write(ada, 'Ada', 'After');
    await Promise.all(pages.map((page) => reads(page, 'After')));
    for (const page of pages) {
      expect(await texts(page)).toEqual(['After', 'Meanwhile', 'Before']);
    }
    expect(app.output + restarted.output).not.toMatch(/error/i);
  });

  test('a page whose connection was cut misses nothing, and has nothing twice', async () => {
    const app = await ExampleApp.start();
    const line = new Line(app.port);
    const page = await browser.newPage({ reducedMotion: 'reduce' });
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
    expect(await texts(page)).toEqual(['Four', 'Three', 'Two', 'One']);
    await page.locator('#cpu .hole').waitFor({ state: 'detached' });
  });

  test('a page that was away while a thousand messages went to another board misses nothing', async () => {
    const app = await ExampleApp.start();
    const page = await open(app);
    await turn(page, 'Lounge');
    await app.post({ name: 'Ada', text: 'One' });
    await reads(page, 'One');
    await draws(page, 2);

    await page.context().setOffline(true);
    await shows(page, 'Reconnecting');
    await app.post({ name: 'Ada', text: 'Two' });
    for (let posted = 0; posted < 1000; posted += 50) {
      const burst = Array.from({ length: 50 }, () =>
        app.post({ name: 'Ben', text: '!' }, 'lounge'),
      );
      await Promise.all(burst);
    }

    await page.context().setOffline(false);
    await shows(page, 'Connected');
    await reads(page, 'Two');
    await app.post({ name: 'Ada', text: 'Three' });
    await reads(page, 'Three');
    expect(await texts(page)).toEqual(['Three', 'Two', 'One']);
    expect(await texts(page, 'Lounge')).toEqual([]);
    await page.locator('#cpu .hole').waitFor({ state: 'detached' });
  });

  test('who types shows on the other pages, until the message is there', async () => {
    const app = await ExampleApp.start();
    const [ada, ben] = (await Promise.all([open(app), open(app)])) as [Page, Page];
    const typing = (page: Page) => board(page, 'Lounge').locator('.typing');
    const hasShown = await noteShown(ben, '[data-board="lounge"] .typing');
    await ada.getByLabel('Name').fill('Ada');
    await draft(ada, 'Lounge').fill('There is');
    await hasShown('Ada is typing …');
    expect(await typing(ada).textContent()).toBe('');
    expect(await board(ben, 'Engine room').locator('.typing').textContent()).toBe('');
    // A page that comes now has missed nothing.
    const late = await open(app);
    expect(await typing(late).textContent()).toBe('');
    await write(ada, 'Ada', 'There is cake', 'Lounge');
    await reads(ben, 'There is cake', 'Lounge');
    expect(await typing(ben).textContent()).toBe('');
  });

  test('a page comes back within 3 s after a proxy answered with an error page', async () => {
    const app = await ExampleApp.start();
    const page = await browser.newPage({ reducedMotion: 'reduce' });
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
    // While the app stands still, so that it can't be gone before the second one comes.
    expect(await app.stop('SIGSTOP', 'SIGINT', 'SIGTERM', 'SIGCONT')).toBe(0);
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
    const page = await browser.newPage({ reducedMotion: 'reduce' });
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

  test('answers requests for a board that is none with 404 and the reason', async () => {
    const answers = [
      await fetch(`${app.url}/stream?boards=lounge,attic`),
      await app.post({ name: 'Ada', text: 'hello' }, 'attic'),
    ];
    for (const answer of answers) {
      expect(answer.status).toBe(404);
      expect(await answer.json()).toEqual({ error: 'There is no board “attic”.' });
    }
  });

  test.each([{}, { name: 'Ada' }, { name: 'A'.repeat(41), page: 'x' }, { name: 1, page: 'x' }])(
    'answers with 400 what does not say who types: %p',
    async (body) => {
      const answer = await fetch(`${app.url}/boards/lounge/typing`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
      expect(answer.status).toBe(400);
      expect(await answer.json()).toEqual({ error: expect.stringMatching(/missing/) });
    },
  );

  test('answers a body that is no JSON with 400 and the reason', async () => {
    const answer = await fetch(app.messages(), {
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
    await fetch(another.url).then((answer) => answer.text());
    expect(await another.stop('SIGTERM')).toBe(0);
    socket.destroy();
  });

  test('keeps the last 350 messages of a board, however many there are on the other', async () => {
    const texts = Array.from({ length: 360 }, (_, index) => `message ${index}`);
    for (const text of texts) expect((await app.post({ name: 'Ada', text })).status).toBe(201);
    for (let posted = 0; posted < 600; posted += 50) {
      const burst = Array.from({ length: 50 }, () =>
        app.post({ name: 'Ben', text: '!' }, 'lounge'),
      );
      await Promise.all(burst);
    }
    const reader = await StreamReader.open(`${app.url}/stream?boards=engine-room`);
    await reader.until(({ events }) => events.some(({ type }) => type === 'live'));
    const kept = reader.events
      .filter(({ type }) => type === 'message-posted')
      .map(({ data }) => JSON.parse(data) as { id: string; text: string });
    reader.destroy();
    expect(kept.map(({ text }) => text)).toEqual(texts.slice(-350));
    expect(new Set(kept.map(({ id }) => id)).size).toBe(350);
  });
});
