import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { chromiumProgram, launchChromium } from './support/chromium.js';
import { stopEngines } from './support/engine.js';
import { describeWith } from './support/needs.js';
import { range } from './support/range.js';
import { REDIS, redisServer } from './support/redis-server.js';

const WORDS = 60;

// More than come before the test is over, on however slow a machine.
const WITHOUT_END = 100_000;

const ANSWER = range(WORDS)
  .map((index) => `word${index} `)
  .join('');

/** Starts a process of the chat, and gives its port. */
async function startServer(
  redisUrl: string,
  words: number,
): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(process.execPath, ['example-app/chat/server.mjs'], {
    cwd: join(__dirname, '..'),
    env: { ...process.env, PORT: '0', REDIS_URL: redisUrl, WORDS: String(words), PACE: '50' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  for await (const part of child.stdout) {
    output += part;
    const [, port] = /localhost:(\d+)/.exec(output) ?? [];
    if (port !== undefined) return { child, port: Number(port) };
  }
  throw new Error(`the server ended: ${output}`);
}

describeWith(REDIS, 'an answer in a chat with useChat of the AI SDK', (redisPath) => {
  describeWith(chromiumProgram, 'in Chromium', (chromiumPath) => {
    const redis = redisServer(redisPath);
    const servers: Awaited<ReturnType<typeof startServer>>[] = [];
    let browser: Browser;
    let context: BrowserContext;

    beforeAll(async () => {
      await redis.start();
      browser = await launchChromium(chromiumPath);
    });

    beforeEach(async () => {
      context = await browser.newContext();
    });

    afterEach(() => context.close());

    afterAll(async () => {
      await browser.close();
      await stopEngines();
    });

    const answerOn = (page: Page) => page.locator('li.assistant').last();
    const textOn = async (page: Page) => (await answerOn(page).textContent()) ?? '';

    /** Two processes, which answer with so many words. */
    function answeredWith(words: number): void {
      beforeAll(async () => {
        const starting = [startServer(redis.url, words), startServer(redis.url, words)];
        servers.push(...(await Promise.all(starting)));
      });

      afterAll(async () => {
        for (const { child } of servers.splice(0)) {
          if (child.exitCode !== null || child.signalCode !== null) continue;
          const exited = once(child, 'exit');
          child.kill('SIGKILL');
          await exited;
        }
      });
    }

    /** A page at the first process, with the beginning of an answer. */
    async function pageWithAnswer(): Promise<Page> {
      const page = await open(`http://127.0.0.1:${servers[0]?.port}/`);
      await ask(page);
      await shows(page, 'word5 ');
      return page;
    }

    async function ask(page: Page): Promise<void> {
      await page.getByLabel('Question').fill('What comes?');
      await page.getByRole('button', { name: 'Ask' }).click();
    }

    async function shows(page: Page, text: string): Promise<void> {
      await answerOn(page).filter({ hasText: text }).waitFor();
    }

    /** An answer is over on the page, and none has failed. */
    async function isOver(page: Page): Promise<void> {
      await page.locator('output', { hasNotText: /submitted|streaming/ }).waitFor();
      expect(await page.locator('output, [role=alert]').allTextContents()).toEqual(['ready']);
    }

    async function hasWhole(page: Page): Promise<void> {
      await shows(page, `word${WORDS - 1} `);
      await isOver(page);
      expect(await textOn(page)).toBe(ANSWER);
    }

    /** The same chat, at the process with this number. */
    function at(server: number, page: Page): string {
      const url = new URL(page.url());
      url.port = String(servers[server]?.port);
      return url.href;
    }

    async function open(url: string): Promise<Page> {
      const page = await context.newPage();
      await page.goto(url);
      return page;
    }

    describe('that ends by itself', () => {
      answeredWith(WORDS);

      test('goes on in a page that is reloaded, and in a second tab at another process', async () => {
        const page = await pageWithAnswer();
        const second = await open(at(1, page));
        await page.reload();
        await shows(page, 'word0 ');
        await shows(second, 'word0 ');
        await Promise.all([hasWhole(page), hasWhole(second)]);
        expect(await page.locator('li').count()).toBe(2);
        await page.reload();
        await hasWhole(page);
      });

      test('goes on when the process that it is read from is killed', async () => {
        const page = await pageWithAnswer();
        const second = await open(at(1, page));
        await shows(second, 'word0 ');
        servers[1]?.child.kill('SIGKILL');
        await second.goto(at(0, page));
        await hasWhole(second);
        await hasWhole(page);
      });
    });

    describe('that does not end by itself', () => {
      answeredWith(WITHOUT_END);

      test('is stopped from a tab at another process', async () => {
        const page = await pageWithAnswer();
        const second = await open(at(1, page));
        await shows(second, 'word5 ');
        await second.getByRole('button', { name: 'Stop' }).click();
        await Promise.all([isOver(page), isOver(second)]);
        // The tab that stops it reads no further.
        const read = await textOn(second);
        expect(read).toContain('word5 ');
        expect((await textOn(page)).startsWith(read)).toBe(true);
        await ask(page);
        await page.locator('li').nth(3).filter({ hasText: 'word5 ' }).waitFor();
      });

      test('says that it has failed when the process that produced it is killed', async () => {
        const page = await pageWithAnswer();
        const second = await open(at(1, page));
        await shows(second, 'word5 ');
        servers[0]?.child.kill('SIGKILL');
        await second.getByRole('alert').filter({ hasText: 'lost' }).waitFor();
      });
    });
  });
});
