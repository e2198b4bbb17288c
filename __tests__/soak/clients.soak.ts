import { browsers } from '../support/browsers.js';
import { chromiumProgram } from '../support/chromium.js';
import { withBrowser } from '../support/clients/in-browser.js';
import { withNode } from '../support/clients/in-node.js';
import { type Client, IN_CHROMIUM, IN_NODE } from '../support/clients/list.js';
import type { Open } from '../support/clients/stream.js';
import { missesWhenCut } from '../support/clients/trials.js';
import { describeWith } from '../support/needs.js';

const CUTS = 100;

async function cutEach(clients: readonly Client[], open: Open): Promise<void> {
  const found = clients.map(async ({ name, adapter }) => {
    const misses = await missesWhenCut(CUTS)((url) => open(adapter, url));
    return `${name} misses ${misses}`;
  });
  const expected = clients.map(({ name }) => `${name} misses nothing`);
  expect(await Promise.all(found)).toEqual(expected);
}

describe(`packages whose connections are cut ${CUTS} times`, () => {
  test('get all that was sent, once, in Node', () => withNode((open) => cutEach(IN_NODE, open)));

  describe.each(browsers.filter(({ program }) => program === chromiumProgram))('in', (browser) => {
    describeWith(browser.program, browser.program.name, (path) => {
      test('get all that was sent, once', () =>
        withBrowser(browser, path, (open) => cutEach(IN_CHROMIUM, open)));
    });
  });
});
