import { browsers } from '../support/browsers.js';
import { receivedInSpiteOfCuts } from '../support/cuts.js';
import { describeWith } from '../support/needs.js';

describe.each(browsers)('the EventSource of $program.name', (browser) => {
  describeWith(browser.program, 'whose connections are cut a hundred times', (path) => {
    test('has each receive all that was sent, once', async () => {
      const { sent, got } = await receivedInSpiteOfCuts(browser, path, 100);
      process.stdout.write(`${browser.program.name}: 100 cuts, ${sent.length} events\n`);
      expect(got).toEqual([sent, sent, sent]);
    });
  });
});
