import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { json } from 'node:stream/consumers';
import { createHub } from '../../lib/index.js';
import { type Browser, withPage } from './browsers.js';
import { serve } from './server.js';

const SOURCES = 3;

/** Shows nothing: it tells the server what its EventSources have received, once all have received `end`. */
const PAGE = `<!doctype html><title>streams</title><script>
  const lists = Array.from({ length: ${SOURCES} }, () => []);
  let ended = 0;
  for (const got of lists) {
    const source = new EventSource('/stream');
    source.onmessage = ({ data }) => got.push(data);
    source.addEventListener('gap', ({ data }) => got.push('gap ' + data));
    source.addEventListener('end', () => {
      source.close();
      if (++ended === lists.length) fetch('/got', { method: 'POST', body: JSON.stringify(lists) });
    });
  }
</script>`;

/** Where a connection is cut, in what has come over it; undefined while that is not there yet. */
type Cut = (text: string) => number | undefined;

function behind(text: string, mark: string, times: number): number | undefined {
  let at = 0;
  for (let time = 0; time < times; time++) {
    at = text.indexOf(mark, at) + mark.length;
    if (at < mark.length) return undefined;
  }
  return at;
}

const some = () => 1 + Math.floor(Math.random() * 5);

/** Chunks, and the blocks in them, begin and end at the same places. */
const CUTS: readonly (() => Cut)[] = [
  function beforeItsFirstEvent() {
    return (text) => behind(text, '\n\n\r\n', 1);
  },
  function insideAnEvent() {
    const times = some();
    return (text) => {
      const at = behind(text, '\ndata: event', times);
      return at === undefined || text.length < at + 20 ? undefined : at + 3;
    };
  },
  function betweenTwoEvents() {
    const times = 1 + some();
    return (text) => behind(text, '\n\n\r\n', times);
  },
];

/** Cuts so many streams, the first of each EventSource before its first event, and lets all others through. */
async function cuttingProxy(port: number, count: number, onCut: () => void): Promise<string> {
  let cuts = 0;
  const server = createServer((near: Socket) => {
    const far = connect({ host: '127.0.0.1', port });
    let cut: Cut | undefined;
    let text = '';
    for (const socket of [near, far]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        near.destroy();
        far.destroy();
      });
    }
    near.on('data', (bytes) => {
      if (cuts < count && bytes.toString('latin1').startsWith('GET /stream')) {
        const kind = cuts < SOURCES ? 0 : cuts % CUTS.length;
        cut = (CUTS[kind] as (typeof CUTS)[number])();
        cuts++;
      }
      far.write(bytes);
    });
    far.on('data', (bytes) => {
      const before = text.length;
      if (cut !== undefined) text += bytes.toString('latin1');
      const at = cut?.(text);
      if (at === undefined) {
        near.write(bytes);
        return;
      }
      far.destroy();
      near.end(bytes.subarray(0, Math.max(0, at - before)));
      cut = undefined;
      onCut();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What was sent, and what each EventSource of a page received whose connections were cut so often. */
export async function receivedInSpiteOfCuts(
  browser: Browser,
  path: string,
  count: number,
): Promise<{ sent: string[]; got: string[][] }> {
  const hub = createHub({ retry: 100, sendTimeout: 60_000 });
  let told: (got: string[][]) => void = () => {};
  const got = new Promise<string[][]>((resolve) => {
    told = resolve;
  });
  const origin = await serve(async (req, res) => {
    if (req.url === '/stream') {
      await hub.open(req, res);
    } else if (req.method === 'POST') {
      told((await json(req)) as string[][]);
      res.end();
    } else {
      res.setHeader('Content-Type', 'text/html');
      res.end(req.url === '/' ? PAGE : '');
    }
  });
  let cuts = 0;
  const url = await cuttingProxy(Number(new URL(origin).port), count, () => cuts++);
  return withPage(browser, path, url, async () => {
    const sent: string[] = [];
    // They have their place, and lack everything that is sent from here on.
    while (cuts < SOURCES) await pause();
    while (cuts < count) {
      sent.push(`event ${sent.length}, ${'x'.repeat(50)}`);
      await hub.send(sent.at(-1));
      await pause();
    }
    await hub.sendEvent('end');
    return { sent, got: await got };
  });
}

/** Keeps what is sent while a browser waits to reconnect within the history. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
