import { browsers } from './support/browsers.js';
import { chromiumProgram } from './support/chromium.js';
import { withBrowser } from './support/clients/in-browser.js';
import { withNode } from './support/clients/in-node.js';
import {
  type Client,
  CURL,
  fromProgram,
  IN_CHROMIUM,
  IN_NODE,
  own,
} from './support/clients/list.js';
import type { Open } from './support/clients/stream.js';
import { TRIALS } from './support/clients/trials.js';
import { describeWith } from './support/needs.js';
import { WrittenTable } from './support/written-table.js';

const PAGE = 'docs/reference/clients.md';
const COLUMNS = TRIALS.map(({ column }) => column);
const table = new WrittenTable(PAGE, ['Client', 'Version', ...COLUMNS]);

type Rows = ReadonlyMap<string, readonly string[]>;

/** Tries them all at once: they wait more than they compute. */
function tryEach(
  clients: readonly Client[],
  withThem: (work: (open: Open) => Promise<Rows>) => Promise<Rows>,
): void {
  let rows: Rows;

  beforeAll(async () => {
    rows = await withThem(async (open) => {
      const found = clients.map(async ({ name, adapter, version }) => {
        const cells = [version];
        for (const { run } of TRIALS) cells.push(await run((url) => open(adapter, url)));
        return [name, cells] as const;
      });
      return new Map(await Promise.all(found));
    });
  });

  test.each(clients)('$name', ({ name, isProgram }) => {
    const row = rows.get(name) as string[];
    const [version, ...cells] = row;
    const [isWhole, misses] = cells;
    expect(isWhole).toBe('yes');
    expect(misses).toBe(name === CURL.name ? 'doesn’t reconnect' : 'nothing');
    const [written, ...expected] = table.expected(name, row);
    expect(cells).toEqual(expected);
    if (!isProgram) expect(version).toBe(written);
  });
}

afterAll(() => table.write());

describe('who reads gets all that is sent, and does what the table says', () => {
  describe('in Node', () => tryEach(IN_NODE, withNode));

  describeWith(CURL, 'at a prompt', (path) => {
    tryEach([fromProgram('curl', 'curl', path)], withNode);
  });

  describe.each(browsers)('in $program.name', (browser) => {
    const { program } = browser;
    describeWith(program, 'with packages and without', (path) => {
      const here = [fromProgram(program.name, 'EventSource', path), own(program.name)];
      const clients = program === chromiumProgram ? [...here, ...IN_CHROMIUM] : here;
      tryEach(clients, (work) => withBrowser(browser, path, work));
    });
  });
});
