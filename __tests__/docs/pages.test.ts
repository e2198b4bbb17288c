import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readAnchors, readLinks } from '../support/markdown.js';
import { PAGES, ROOT, read } from '../support/pages.js';

const TEXTS = [...PAGES, 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'llms.txt'];

/** The file that a link of a page leads to, from the repository's root; undefined for one elsewhere. */
function target(page: string, link: string): string | undefined {
  if (/^https:/.test(link)) return undefined;
  const [path] = link.split('#') as [string];
  return path === '' ? page : join(page, '..', path);
}

describe.each(TEXTS)('%s', (page) => {
  const text = read(page);

  test('leads to files and headings that are there', () => {
    const broken = readLinks(text).filter((link) => {
      const file = target(page, link);
      if (file === undefined) return false;
      if (!existsSync(join(ROOT, file))) return true;
      const [, anchor] = link.split('#');
      return anchor !== undefined && !readAnchors(read(file)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test('names files that are there', () => {
    const named = text.match(/(?:lib|__tests__|docs|scripts|bench)\/[\w/.-]*\w/g) ?? [];
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  // GitHub and npm resolve such links against the repository, an absolute path against their own site.
  test('has relative links only, beside those to other sites', () => {
    expect(readLinks(text).filter((link) => /^(\/|http:)/.test(link))).toEqual([]);
  });
});

test('the README has at most 200 lines', () => {
  expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(200);
});

test('the index leads to every page, and the README to every guide', () => {
  const leadsTo = (page: string) => readLinks(read(page)).map((link) => target(page, link));
  const index = leadsTo('docs/README.md');
  expect(PAGES.filter((page) => page !== 'docs/README.md' && !index.includes(page))).toEqual([]);
  const guides = PAGES.filter((page) => page.startsWith('docs/guides/'));
  expect(guides.filter((page) => !leadsTo('README.md').includes(page))).toEqual([]);
});
