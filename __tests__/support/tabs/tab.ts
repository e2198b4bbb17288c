import { readdirSync, readFileSync } from 'node:fs';
import type { Browser, BrowserContext, Page } from 'puppeteer-core';
import type { Stream } from '../../../lib/browser/connect.js';

/** What a tab has seen. */
export interface Seen {
  readonly orders: readonly number[];
  readonly gaps: readonly unknown[];
  readonly errors: readonly string[];
  /** Whether it was in the back/forward cache. */
  readonly isRestored: boolean;
}

export class Tab {
  readonly name: string;
  readonly page: Page;
  /** The process of its page. */
  pid = 0;

  private constructor(name: string, page: Page) {
    this.name = name;
    this.page = page;
  }

  static async open(browser: Browser | BrowserContext, url: string, name: string): Promise<Tab> {
    const page = await browser.newPage();
    await page.goto(`${url}tab=${name}`);
    return new Tab(name, page);
  }

  /** Before it is stopped or killed. */
  async findProcess(): Promise<void> {
    this.pid = await processOf(this.page, this.page.browser().process()?.pid as number);
  }

  seen(): Promise<Seen> {
    return this.page.evaluate(() => (globalThis as unknown as { seen: Seen }).seen);
  }

  async live(): Promise<void> {
    await this.page.waitForFunction(
      () => (globalThis as unknown as { stream: Stream }).stream.state === 'live',
      { timeout: 20_000, polling: 50 },
    );
  }

  /** Resolves when this is the last order that has come. */
  async has(order: number): Promise<void> {
    await this.page.waitForFunction(
      (last) => (globalThis as unknown as { seen: Seen }).seen.orders.at(-1) === last,
      { timeout: 20_000, polling: 50 },
      order,
    );
  }
}

/** The process of a page: the one that works far more than any other while the page does. */
async function processOf(page: Page, browserPid: number): Promise<number> {
  const before = times(browserPid);
  // On a busy machine, it works for a small part of that.
  for (;;) {
    await page.evaluate(() => {
      for (const end = Date.now() + 200; Date.now() < end; );
    });
    const worked = [...times(browserPid)]
      .map(([pid, time]) => ({ pid, time: time - (before.get(pid) ?? 0) }))
      .sort((one, other) => other.time - one.time);
    // In hundredths of a second.
    const [first, second] = worked;
    if (first && first.time >= 10 && first.time > 2 * (second?.time ?? 0)) return first.pid;
  }
}

/** How long each process of a browser has worked. */
function times(browserPid: number): Map<number, number> {
  const all = new Map<number, { parent: number; time: number }>();
  for (const pid of readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/.*\) /s, '').split(' ');
      all.set(pid, { parent: Number(fields[1]), time: Number(fields[11]) + Number(fields[12]) });
    } catch {
      // It has ended.
    }
  }
  const isBelow = (pid: number): boolean => {
    const parent = all.get(pid)?.parent ?? 0;
    return parent === browserPid || (parent > 1 && isBelow(parent));
  };
  return new Map([...all].filter(([pid]) => isBelow(pid)).map(([pid, { time }]) => [pid, time]));
}
