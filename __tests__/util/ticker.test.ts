import { AsyncLocalStorage } from 'node:async_hooks';
import { Ticker } from '../../lib/util/ticker.js';

test('a ticker that is started by a request runs outside of the request', async () => {
  const requests = new AsyncLocalStorage<string>();
  const seen = await new Promise((resolve) => {
    const ticker = new Ticker(1, () => {
      resolve(requests.getStore());
      return false;
    });
    requests.run('the first request', () => ticker.start());
    // The ticker itself keeps no process alive, nor a test.
  });
  expect(seen).toBeUndefined();
});
