import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PAGES, ROOT, read } from '../support/pages.js';

/** Words of a private vocabulary, and the field's own. */
const WORDS: Readonly<Record<string, string>> = {
  '(takes?|taking|took) (no more|none|more)\\b': 'blocked, writable, drained',
  '(comes?|came|coming) back\\b': 'reconnects',
  '(is|are|was|were|be) told\\b': 'receives a gap event, is notified',
  '(is|was|are) (away|back)\\b': 'unreachable, reachable again',
  'given up\\b': 'evicted, dropped, rejected',
  '(turn|turns|turned|sent|send) away\\b': 'rejected',
  'another life|of this life': 'a reset of the log, a new epoch',
  'only the newest': 'only the latest value per key',
  '\\btails?\\b': 'live feed, oldest retained event',
  '\\b(intake|upcoming|parked)\\b': 'publish queue, pending sends, blocked',
};

const sources = readdirSync(join(ROOT, 'lib'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => join('lib', file));

/** The comments of a source, and its messages; all of a page. */
function prose(file: string): string {
  const text = read(file);
  if (!file.endsWith('.ts')) return text;
  const comments = text.match(/\/\*\*[\s\S]*?\*\/|\/\/ .*/g) ?? [];
  const messages = text.match(/(['`])(?:(?!\1).)* (?:(?!\1).)*\1/g) ?? [];
  return [...comments, ...messages].join('\n').replace(/\n *\*/g, '');
}

const OTHERS = ['CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'llms.txt'];

test.each([...PAGES, ...OTHERS, ...sources])('%s has no word of a private vocabulary', (file) => {
  const text = prose(file).replace(/\s+/g, ' ');
  const found = Object.entries(WORDS).flatMap(([word, right]) =>
    (text.match(new RegExp(`.{0,30}${word}.{0,30}`, 'gi')) ?? []).map(
      (place) => `${place}: ${right}`,
    ),
  );
  expect(found).toEqual([]);
});
