import { browsers } from '../support/browsers.js';
import { withBrowser } from '../support/clients/in-browser.js';
import { cutOften } from '../support/clients/trials.js';
import { describeWith } from '../support/needs.js';

describe.each(browsers)('the EventSource of $program.name', (browser) => {
  describeWith(browser.program, 'whose connections are cut a hundred times', (path) => {
    test('has each receive all that was sent, once', async () => {
      const { sent, received } = await withBrowser(browser, path, (open) => {
        const one = (url: string) => open('EventSource', url);
        return cutOften(100, [one, one, one]);
      });
      process.stdout.write(`${browser.program.name}: 100 cuts, ${sent.length} events\n`);
      expect(received).toEqual([sent, sent, sent]);
    });
  });
});
