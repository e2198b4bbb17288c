import { setTimeout as pause } from 'node:timers/promises';
import type { Browser } from 'puppeteer-core';
import { range } from '../range.js';
import { type Change, changes } from './changes.js';
import { Site } from './site.js';
import { Tab } from './tab.js';

/** Of events, in ms. */
const PACE = 20;

/** What came of it. */
export interface Outcome {
  /** What is wrong in some tab. */
  readonly wrong: readonly string[];
  /** For each kind of change: how long it took until another tab was connected, in ms. */
  readonly takenOver: Readonly<Record<string, readonly number[]>>;
  /** How many tabs were in the back/forward cache. */
  readonly restored: number;
}

/** Twelve tabs, events all the time, and changes to whichever tab is connected. */
export class Trial {
  readonly site = new Site();
  readonly #browser: Browser;
  readonly #host: string;
  readonly #tabs: Tab[] = [];
  readonly #wrong: string[] = [];
  readonly #takenOver: Record<string, number[]> = {};
  #restored = 0;
  #opened = 0;
  /** What has to end. */
  #endings: (() => Promise<void>)[] = [];

  constructor(browser: Browser, host: string) {
    this.#browser = browser;
    this.#host = host;
  }

  async run(browserName: string, rounds: number, tabCount = 12): Promise<Outcome> {
    await this.site.start();
    const possible = changes.filter(({ isIn }) => isIn(browserName));
    let isOver = false;
    const sending = (async () => {
      while (!isOver) {
        await this.site.send();
        await pause(PACE);
      }
    })();
    try {
      await this.#befallAll(possible, rounds, tabCount);
    } finally {
      isOver = true;
      await sending;
    }
    await Promise.all(this.#tabs.map((tab) => this.#check(tab)));
    await this.site.until(({ length }) => length === 1);
    for (const { page } of this.#tabs) await page.close();
    return { wrong: this.#wrong, takenOver: this.#takenOver, restored: this.#restored };
  }

  async #befallAll(possible: readonly Change[], rounds: number, tabCount: number): Promise<void> {
    let kinds: Change[] = [];
    for (const _round of range(rounds)) {
      await Promise.all(range(tabCount - this.#tabs.length).map(() => this.#openTab()));
      // Each kind, in an order of its own each time.
      if (kinds.length === 0) kinds = [...possible];
      const [change] = kinds.splice(Math.floor(Math.random() * kinds.length), 1) as [Change];
      await this.#befall(change);
      // A tab is gone while the next one is.
      while (this.#endings.length > (change.isHeld ? 0 : 1)) await this.#endings.shift()?.();
    }
    while (this.#endings.length > 0) await this.#endings.shift()?.();
  }

  async #openTab(): Promise<void> {
    const url = `http://${this.#host}:${this.site.port}/tab?share=ann&`;
    const tab = await Tab.open(this.#browser, url, `tab${this.#opened++}`);
    await tab.live();
    this.#tabs.push(tab);
  }

  async #befall({ name, prepare, begin, end }: Change): Promise<void> {
    await this.site.until(({ length }) => length === 1);
    const [leader] = this.site.connected;
    const tab = this.#tabs.find((one) => one.name === leader);
    if (tab === undefined) throw new Error(`${leader} is connected, and is in no use`);
    this.#tabs.splice(this.#tabs.indexOf(tab), 1);
    // Somebody looks at another tab.
    await this.#tabs[0]?.page.bringToFront();
    await this.#inspect(tab);
    await prepare?.(tab);
    const begun = performance.now();
    await begin(tab);
    await this.site.until((connected) => connected.some((one) => one !== tab.name));
    this.#takenOver[name] ??= [];
    this.#takenOver[name].push(Math.round(performance.now() - begun));
    if (end === undefined) {
      if (name === 'crashed') await tab.page.close().catch(() => {});
      return;
    }
    this.#endings.push(async () => {
      await end(tab);
      this.#tabs.push(tab);
    });
  }

  /** Nothing is missing, and nothing there twice. */
  async #inspect(tab: Tab): Promise<void> {
    const { orders, gaps, isRestored } = await tab.seen();
    const [first = 0] = orders;
    const at = orders.findIndex((order, index) => order !== first + index);
    if (at >= 0) this.#wrong.push(`${tab.name}: ${orders[at]} behind ${orders[at - 1]}`);
    if (gaps.length > 0) this.#wrong.push(`${tab.name}: ${JSON.stringify(gaps)}`);
    if (isRestored) this.#restored++;
  }

  async #check(tab: Tab): Promise<void> {
    try {
      await tab.has(this.site.sent - 1);
    } catch (error) {
      const last = (await tab.seen()).orders.at(-1);
      this.#wrong.push(`${tab.name}: ${last} is the last of ${this.site.sent}: ${error}`);
    }
    await this.#inspect(tab);
  }
}
