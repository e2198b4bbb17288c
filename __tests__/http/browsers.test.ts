import { browsers } from '../support/browsers.js';
import { receivedInSpiteOfCuts } from '../support/cuts.js';
import { describeWith } from '../support/needs.js';

describe.each(browsers)('the EventSource of $program.name', (browser) => {
  describeWith(browser.program, 'whose connections are cut', (path) => {
    test('before its first event, inside an event and between two has each receive all that was sent, once', async () => {
      const { sent, got } = await receivedInSpiteOfCuts(browser, path, 9);
      expect(got).toEqual([sent, sent, sent]);
    });
  });
});
