import { once } from 'node:events';
import type { Browser, Page } from 'playwright-core';
import { createHub, type HubOptions } from '../../lib/index.js';
import { chromiumProgram, launchChromium } from '../support/chromium.js';
import { describeWith } from '../support/needs.js';
import { serve } from '../support/server.js';
import { StreamReader } from '../support/stream-client.js';

/** Collects what its EventSource receives, and when it opens. */
const PAGE = `<!doctype html><title>stream</title><script>
  window.got = [];
  window.opened = 0;
  window.source = new EventSource('/stream');
  source.onopen = () => opened++;
  source.onmessage = ({ data }) => got.push(data);
  source.addEventListener('gap', ({ data }) => got.push('gap ' + data));
</script>`;

describeWith(chromiumProgram, 'the EventSource of a browser', (path) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(path);
  });
  afterAll(async () => {
    await browser?.close();
  });

  async function open(options: HubOptions) {
    const hub = createHub(options);
    /** When the stream was asked for, and with which Last-Event-ID. */
    const requests: { at: number; id: string | undefined }[] = [];
    const url = await serve((req, res) => {
      if (req.url === '/stream') {
        requests.push({ at: performance.now(), id: req.headers['last-event-id'] as string });
        void hub.open(req, res);
      } else {
        res.setHeader('Content-Type', 'text/html');
        res.end(req.url === '/' ? PAGE : '');
      }
    });
    return { hub, url, requests, stream: `${url}/stream` };
  }

  const shown = (page: Page) => page.evaluate('window.got') as Promise<string[]>;

  test('comes back where it was, also before its first event', async () => {
    const { hub, url, requests } = await open({ retry: 10 });
    const before = await hub.send('before it came');
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction('window.opened === 1');
    hub.leaveAll();
    await hub.send('while it was away');
    await page.waitForFunction('window.got.length === 1');
    expect(await shown(page)).toEqual(['while it was away']);
    expect(requests[1]?.id).toBe(before);
    await page.close();
  });

  test('that a full hub turns away comes back by itself once there is room, no sooner than told', async () => {
    const { hub, url, requests, stream } = await open({ retry: 100, maxClients: 1 });
    const reader = await StreamReader.open(stream);
    const [occupant] = hub.clients.values();
    const page = await browser.newPage();
    await page.goto(url);
    while (requests.length < 4) await page.waitForTimeout(10);
    const gone = occupant && once(occupant.signal, 'abort');
    reader.destroy();
    await gone;
    while (hub.size === 0) await page.waitForTimeout(10);
    await hub.send('welcome');
    await page.waitForFunction('window.got.length === 1');
    const waits = requests.slice(2).map(({ at }, index) => at - (requests[index + 1]?.at ?? 0));
    // The first request is the reader's, the second the page's.
    for (const wait of waits) expect(wait).toBeGreaterThanOrEqual(99);
    await page.close();
  });

  test('that a closing hub tells to come back does so, and stops for good after a final close', async () => {
    const { hub, url, requests } = await open({ retry: 20 });
    const page = await browser.newPage();
    await page.goto(url);
    await page.waitForFunction('window.opened === 1');
    await hub.close({ final: true });
    await page.waitForFunction('window.source.readyState === EventSource.CLOSED');
    expect(requests).toHaveLength(2);
    await page.close();
  });
});
