import type { Browser } from 'puppeteer-core';
import { connect } from '../../lib/browser/connect.js';
import { describeWith } from '../support/needs.js';
import { driven, hosts } from '../support/tabs/browser.js';
import { type Change, changes } from '../support/tabs/changes.js';
import { Site } from '../support/tabs/site.js';
import { Tab } from '../support/tabs/tab.js';
import { Trial } from '../support/tabs/trial.js';

const STILL = changes.filter(({ name }) => /frozen|stopped/.test(name));

for (const { program, launch, caches } of driven) {
  describeWith(program, `tabs of ${program.name}`, (path) => {
    let browser: Browser;

    beforeAll(async () => {
      browser = await launch(path);
    });

    afterAll(() => browser.close());

    test.each(hosts)(
      'twelve that are opened at once, over HTTP/1.1, %s, use one connection, and lose and double nothing, whatever becomes of the tab that has it',
      async (_how, host) => {
        const { wrong, restored } = await new Trial(browser, host).run(program.name, 5);
        expect(wrong).toEqual([]);
        if (caches) expect(restored).toBeGreaterThan(0);
      },
    );

    test.each(STILL.filter(({ isIn }) => isIn(program.name)))(
      'one that was $name for three heartbeats has lost nothing, and has connected once more at most',
      async ({ prepare, begin, end }) => {
        // On a busy machine, a tab that runs is late by seconds, and is not to take its stream for dead.
        const site = new Site({ keepAlive: 3000 });
        await site.start();
        const url = `http://127.0.0.1:${site.port}`;
        const tab = await Tab.open(browser, `${url}/tab?`, 'tab');
        await prepare?.(tab);
        await tab.live();
        await site.send();
        await tab.has(0);
        await begin(tab);
        await site.send();
        await heartbeats(`${url}/stream`, 3);
        await (end as Required<Change>['end'])(tab);
        await site.send();
        await tab.has(2);
        expect(await tab.seen()).toMatchObject({ orders: [0, 1, 2], gaps: [] });
        expect(site.requests.get('tab')).toBeLessThanOrEqual(2);
        await tab.page.close();
      },
    );

    test('are apart where the URL, the name of the user or the profile is another one', async () => {
      const site = new Site();
      await site.start();
      const url = `http://127.0.0.1:${site.port}/tab?`;
      const profile = await browser.createBrowserContext();
      const tabs = [
        await Tab.open(browser, `${url}share=ann&`, 'ann'),
        await Tab.open(browser, `${url}share=ben&`, 'ben'),
        await Tab.open(browser, `${url}share=ann&stream=/stream/2&`, 'other URL'),
        await Tab.open(profile, `${url}share=ann&`, 'other profile'),
        await Tab.open(browser, `${url}share=ann&`, 'ann again'),
      ];
      await Promise.all(tabs.map((tab) => tab.live()));
      await site.until(({ length }) => length === 4);
      expect(site.connected).toEqual(expect.arrayContaining(['ben', 'other URL', 'other profile']));
      await site.send();
      await Promise.all(tabs.map((tab) => tab.has(0)));
      for (const tab of tabs) await tab.page.close();
      await profile.close();
    });
  });
}

/** Resolves when so many heartbeats have come. */
async function heartbeats(url: string, count: number): Promise<void> {
  const stream = connect<{ heartbeat: object }>(url);
  for await (const _ of stream.each('heartbeat')) if (--count === 0) break;
  stream.close();
}
